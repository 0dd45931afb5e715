//! What a case stands on: its form, a folder, databases, a vendor.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tidings::storage::{PostgresStore, SqliteStore};
use tokio::{
    process::{Child, Command},
    sync::OnceCell,
};

use crate::{fact::Place, sink::Sink};

/// How long a suite may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// The numbers.
    Long,
    /// Minutes, for every run of the tests.
    Short,
}

/// Which store a case is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// One that forgets: only to see that the suite notices.
    Memory,
    Postgres,
    Sqlite,
}

impl Kind {
    /// The word in names and bars.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// What a case stands on.
#[derive(Clone)]
pub(crate) struct Stage {
    form: Form,
    /// False if nothing is to strike: every case must complain then.
    pub(crate) faults: bool,
    world: Arc<World>,
}

/// What all cases share.
struct World {
    folder: PathBuf,
    postgres: OnceCell<Postgres>,
    counter: AtomicU32,
    random: Mutex<fastrand::Rng>,
}

impl Stage {
    /// A stage as the environment wants it.
    pub(crate) fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let form = if variable("TIDINGS_CRASH") == "long" { Form::Long } else { Form::Short };
        let faults = variable("TIDINGS_CRASH_FAULTS") != "off";
        let seed = variable("TIDINGS_CRASH_SEED").parse().unwrap_or_else(|_| fastrand::u64(..));
        println!("crash: {form:?} form, TIDINGS_CRASH_SEED={seed}");
        let folder = std::env::temp_dir().join(format!("tidings-crash-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder of our own");
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        let world = World { folder, postgres: OnceCell::new(), counter: AtomicU32::new(0), random };
        Self { form, faults, world: Arc::new(world) }
    }

    /// The same, on which nothing strikes.
    pub(crate) fn calm(&self) -> Self {
        Self { form: Form::Short, faults: false, world: self.world.clone() }
    }

    /// The number for this form.
    pub(crate) fn pick<T>(&self, long: T, short: T) -> T {
        match self.form {
            Form::Long => long,
            Form::Short => short,
        }
    }

    /// A random number.
    pub(crate) fn random(&self, range: std::ops::Range<u32>) -> u32 {
        self.world.random.lock().unwrap_or_else(PoisonError::into_inner).u32(range)
    }

    /// A vendor who takes `latency` to answer, and an empty log.
    pub(crate) fn sink(&self, latency: Duration) -> Sink {
        Sink::listen(&self.fresh("sink"), latency)
    }

    /// An empty database.
    pub(crate) async fn place(&self, kind: Kind) -> Place {
        match kind {
            Kind::Memory => Place::Memory,
            Kind::Postgres => {
                let url = self.postgres().await.create(&self.word("crash_")).await;
                let store = PostgresStore::connect(&url).await.expect("the server is up");
                store.migrate().await.expect("an empty database");
                Place::Postgres(url)
            }
            Kind::Sqlite => {
                let path = self.fresh("outbox.db");
                SqliteStore::open(&path).await.expect("a file of our own").close().await;
                Place::Sqlite(path)
            }
        }
    }

    /// The suite's own Postgres server.
    pub(crate) async fn postgres(&self) -> &Postgres {
        self.world.postgres.get_or_init(Postgres::start).await
    }

    /// Ends what was started, and leaves nothing behind.
    pub(crate) async fn end(self) {
        let Some(world) = Arc::into_inner(self.world) else { return };
        if let Some(postgres) = world.postgres.into_inner() {
            postgres.end().await;
        }
        let _ = std::fs::remove_dir_all(&world.folder);
    }

    fn fresh(&self, name: &str) -> PathBuf {
        self.world.folder.join(self.word(name))
    }

    fn word(&self, name: &str) -> String {
        format!("{name}{}", self.world.counter.fetch_add(1, Ordering::Relaxed))
    }
}

/// A Postgres server that may be killed.
pub(crate) struct Postgres {
    folder: PathBuf,
    keeper: Child,
    url: String,
}

impl Postgres {
    async fn start() -> Self {
        // Not in our folder: Postgres runs as another user, who must get to it.
        let folder = PathBuf::from(format!("/tmp/tidings-crash-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder of our own");
        let (seconds, parent) = (7_200.to_string(), std::process::id().to_string());
        let mut command = script("postgres_up.sh");
        command.arg(&folder).args([seconds, parent]).stdin(Stdio::null()).stdout(Stdio::null());
        let keeper = command.spawn().expect("bash");
        let mut server = Self { folder, keeper, url: String::new() };
        server.url = server.announced().await;
        server
    }

    /// The URL, when the server says it.
    async fn announced(&mut self) -> String {
        let env = self.folder.join("env");
        for _ in 0..600 {
            if let Ok(text) = std::fs::read_to_string(&env) {
                let line = text.lines().find_map(|line| line.strip_prefix("TIDINGS_TEST_POSTGRES_URL="));
                return line.expect("a line with the URL").to_owned();
            }
            let gone = self.keeper.try_wait().expect("our own child");
            assert!(gone.is_none(), "tests/servers/postgres_up.sh ended: {gone:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("tests/servers/postgres_up.sh did not start a server within a minute");
    }

    /// A new database; its URL.
    async fn create(&self, name: &str) -> String {
        self.execute(&format!("CREATE DATABASE {name}")).await;
        let (server, _) = self.url.rsplit_once('/').expect("the database's name is last");
        format!("{server}/{name}")
    }

    async fn execute(&self, sql: &str) {
        use sqlx::{Connection as _, Executor as _};
        let mut connection = sqlx::PgConnection::connect(&self.url).await.expect("the server is up");
        connection.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.expect("valid SQL");
        connection.close().await.expect("an open connection");
    }

    /// Kills it (`-m immediate`), and starts it again. Ends when it is up.
    pub(crate) async fn restart(&self) {
        let status = script("postgres_ctl.sh").arg(&self.folder).arg("restart").status().await;
        assert!(status.expect("bash").success(), "the server did not start again");
    }

    async fn end(mut self) {
        if let Ok(pid) = std::fs::read_to_string(self.folder.join("pid")) {
            let _ = Command::new("kill").args(["-TERM", pid.trim()]).status().await;
        }
        let _ = tokio::time::timeout(Duration::from_secs(30), self.keeper.wait()).await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn script(name: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name));
    command
}
