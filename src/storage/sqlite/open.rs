//! The opening of stores.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction, sqlite::SqliteConnectOptions};

use super::{
    SqliteOptions, SqliteStore,
    connect::{Waiting, connect, file_of, for_writing},
    fault::{failed, is_busy},
    folder::Folder,
    hub::Hub,
    migrate::newest,
    readers::Readers,
    text::Texts,
    tx::{Core, Sequence},
    writer::Writer,
};
use crate::error::{Error, Result};

/// A file of our own.
pub(super) async fn file(path: &Path, options: SqliteOptions) -> Result<SqliteStore> {
    if is_memory(path) {
        return Err(no_memory());
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let connecting = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let connection =
        first(&connecting).await.map_err(|error| error.with_context("file", path.display().to_string()))?;
    let store = establish(connection, connecting, options).await?;
    store.migrate().await?;
    Ok(store)
}

fn is_memory(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.is_empty() || text == ":memory:" || text.starts_with("file:")
}

fn no_memory() -> Error {
    Error::config(
        "a database in memory is not seen by a second connection, and the store has several: name a file, for \
         tests one in a temporary folder; or use MemoryStore",
    )
}

/// A database of the caller's. Its pool is asked once how it connects; the store has connections of its own.
pub(crate) async fn over_pool(pool: &SqlitePool, options: SqliteOptions) -> Result<SqliteStore> {
    let connecting = pool.connect_options().as_ref().clone();
    let mut theirs = pool.acquire().await.map_err(failed)?;
    let mut ours = first(&connecting).await?;
    if file_name(&mut ours).await?.is_none() && !sees(&mut theirs, &mut ours).await.map_err(failed)? {
        return Err(no_memory());
    }
    drop(theirs);
    let held = options.held;
    let store = establish(ours, connecting, options).await?;
    if held && store.is_migrated().await? {
        store.hold().await?;
    }
    Ok(store)
}

/// True if what one connection writes is seen by the other.
async fn sees(theirs: &mut SqliteConnection, ours: &mut SqliteConnection) -> sqlx::Result<bool> {
    let name = format!("tidings_probe_{:016x}", fastrand::u64(..));
    let run = |sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    run(format!("CREATE TABLE {name} (x)")).execute(&mut *theirs).await?;
    let seen = run(format!("SELECT x FROM {name}")).execute(ours).await.is_ok();
    run(format!("DROP TABLE {name}")).execute(theirs).await?;
    Ok(seen)
}

async fn first(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    connect(&for_writing(options)).await.map_err(failed)
}

async fn establish(
    mut connection: SqliteConnection,
    connecting: SqliteConnectOptions,
    options: SqliteOptions,
) -> Result<SqliteStore> {
    let name = file_name(&mut connection).await?;
    let memory = name.is_none();
    if !memory {
        use_log(&mut connection).await?;
    }
    let file = name.map_or_else(|| file_of(&connecting), |name| std::fs::canonicalize(&name).unwrap_or(name));
    let core = Arc::new(Core {
        hub: Hub::of(&file),
        memory,
        file,
        texts: Texts::new(options.dialect),
        time: options.time,
        folder: options.folder.map(Folder::new).transpose()?,
        sequence: Sequence::default(),
        heard: AtomicU64::default(),
        options: connecting,
    });
    Ok(SqliteStore {
        readers: Arc::new(Readers::new(&core.options)),
        writer: Arc::new(Writer::new(Arc::clone(&core))),
        anchor: memory.then(|| Arc::new(Mutex::new(connection))),
        held: options.held,
        core,
    })
}

/// The file of the database; `None` if it is in memory.
async fn file_name(connection: &mut SqliteConnection) -> Result<Option<PathBuf>> {
    let rows = sqlx::query("PRAGMA database_list").fetch_all(connection).await.map_err(failed)?;
    let main = rows.iter().find(|row| row.try_get::<&str, _>("name").is_ok_and(|name| name == "main"));
    let file = main.and_then(|row| row.try_get::<Option<String>, _>("file").ok()).flatten();
    Ok(file.filter(|file| !file.is_empty()).map(PathBuf::from))
}

/// Writes go into a log first, so that who reads and who writes do not wait for each other. The file
/// remembers; the first to say so needs it for himself.
async fn use_log(connection: &mut SqliteConnection) -> Result<()> {
    let waiting = Waiting::begin();
    loop {
        let asked = sqlx::query_scalar::<_, String>("PRAGMA journal_mode").fetch_one(&mut *connection).await;
        if asked.map_err(failed)? == "wal" {
            return Ok(());
        }
        let set =
            sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
        match set {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(no_log(&mode)),
            Err(error) if is_busy(&error) && waiting.goes_on() => waiting.pause().await,
            Err(error) => return Err(failed(error)),
        }
    }
}

fn no_log(mode: &str) -> Error {
    let text =
        "the database cannot write to a log first (PRAGMA journal_mode = WAL); a file on a local disk can";
    Error::config(text).with_context("journal_mode", mode)
}

/// Begins a transaction that may write, on a connection of the caller's pool; waits for its turn.
pub(crate) async fn begin(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    let hub = Hub::of(&file_of(&pool.connect_options()));
    let waiting = Waiting::begin();
    loop {
        // A free connection is waited for first: whoever has the turn must not wait for anything else.
        drop(pool.acquire().await.map_err(failed)?);
        let turn = hub.turns.lock().await;
        match pool.begin_with("BEGIN IMMEDIATE").await {
            Ok(transaction) => return Ok(transaction),
            Err(error) if is_busy(&error) && waiting.goes_on() => drop(turn),
            Err(error) => return Err(failed(error)),
        }
        waiting.pause().await;
    }
}

impl SqliteStore {
    async fn is_migrated(&self) -> Result<bool> {
        let mut connection = first(&self.core.options).await?;
        Ok(newest(&mut connection, self.core.texts.dialect()).await.map_err(failed)? > 0)
    }
}
