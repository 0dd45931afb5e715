//! An order and its confirmation in one transaction: both or none.
//!
//! ```sh
//! cargo run --features full --example transaction
//! ```

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tidings::{
    Defaults, Email, Messenger,
    providers::preview::Preview,
    sqlx_0_9::{begin_immediate, sqlite_store},
    storage::SqliteOptions,
};

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let file = std::env::temp_dir().join(format!("tidings-shop-{}.db", std::process::id()));
    // Your own pool, on your own database: the outbox stands beside your tables.
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await?;
    sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)").execute(&pool).await?;

    let store = sqlite_store(&pool, SqliteOptions::new()).await?;
    store.migrate().await?;
    let messenger = Messenger::builder()
        .store(store)
        .email(Preview::new())
        .defaults(Defaults::new().email("Corner Shop <shop@example.org>"))
        .build()?;

    order(&pool, &messenger, 17, "a teapot").await?;
    let refused = order(&pool, &messenger, 18, "a unicorn").await;
    println!("Order 18 failed, as it should: {}\n", refused.expect_err("there are no unicorns"));

    messenger.worker().build()?.run_until_idle().await?;
    let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&pool).await?;
    println!("{orders} order is in the books, and one confirmation went out: that of order 17.");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    Ok(())
}

async fn order(pool: &SqlitePool, messenger: &Messenger, id: i64, what: &str) -> Result<(), Error> {
    // A transaction that may write from its first statement on.
    let mut tx = begin_immediate(pool).await?;
    sqlx::query("INSERT INTO orders (id, what) VALUES (?1, ?2)")
        .bind(id)
        .bind(what)
        .execute(&mut *tx)
        .await?;
    let email = Email::builder()
        .to("ada@example.org")
        .subject(format!("Your order {id}"))
        .text(format!("Thank you. We pack {what} for you."));
    messenger.enqueue_in(&mut tx, email.build()?).key(format!("order-{id}")).await?;
    if what == "a unicorn" {
        // Dropped, the transaction rolls back: neither order nor confirmation ever were.
        return Err("out of stock".into());
    }
    tx.commit().await?;
    messenger.wake().await?;
    Ok(())
}
