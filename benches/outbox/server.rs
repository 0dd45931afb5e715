//! The Postgres that is measured against: the one of `TIDINGS_TEST_POSTGRES_URL`, or a throw-away one.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::PgPool;

const URL: &str = "TIDINGS_TEST_POSTGRES_URL";

/// A running server; a throw-away one ends with this value.
pub(crate) struct Server {
    pub(crate) url: String,
    own: Option<(Child, PathBuf)>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        match std::env::var(URL) {
            Ok(url) => Self { url, own: None },
            Err(_) => Self::throw_away().await,
        }
    }

    async fn throw_away() -> Self {
        let root =
            std::env::var_os("TIDINGS_ROOT").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let script = root.join("tests/servers/postgres_up.sh");
        let folder = std::env::temp_dir().join(format!("tidings-bench-postgres.{}", std::process::id()));
        let mut command = Command::new("bash");
        command.arg(&script).arg(&folder).args(["86400", &std::process::id().to_string()]);
        let child = command.stdout(Stdio::null()).spawn().expect("bash runs");
        let own = Some((child, folder.clone()));
        let mut server = Self { url: String::new(), own };
        for _ in 0..600 {
            if let Some(url) = url_in(&folder) {
                server.url = url;
                return server;
            }
            let ended =
                server.own.as_mut().is_some_and(|(child, _)| child.try_wait().is_ok_and(|s| s.is_some()));
            assert!(!ended, "{} ended; set {URL} to a server that may be used", script.display());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no Postgres after a minute; set {URL} to a server that may be used");
    }

    /// The process that starts those of all connections; none if the server is on another machine.
    pub(crate) async fn process(&self, pool: &PgPool) -> Option<i32> {
        let local = self.own.is_some() || self.url.contains("127.0.0.1") || self.url.contains("localhost");
        let backend = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(pool).await;
        let backend: i32 = backend.ok().filter(|_| local)?;
        let status = std::fs::read_to_string(format!("/proc/{backend}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
    }
}

fn url_in(folder: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("env")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(URL)?.strip_prefix('=').map(str::to_owned))
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some((child, folder)) = &mut self.own else { return };
        // The script stops the server when it is asked to end, which `kill` of the standard library does not do.
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        let _ = child.wait();
        let _ = std::fs::remove_dir_all(folder);
    }
}
