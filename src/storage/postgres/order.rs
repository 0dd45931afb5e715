//! Messages with ordering keys: who is put aside, and who is let go. Migration 2 says how the two stay in step.

use super::call::{Link, Transaction};

const LET_GO: &str = "SELECT {let_go_1}($1, $2)";

/// Lets the first of each tenant and ordering key go, after one of it was let go.
pub(super) async fn let_go(
    link: &Link,
    transaction: &mut Transaction<'_>,
    keys: impl Iterator<Item = (String, String)>,
) -> sqlx::Result<()> {
    let (tenants, keys): (Vec<String>, Vec<String>) = keys.unzip();
    if !keys.is_empty() {
        transaction.run(link.statement(LET_GO).bind(tenants).bind(keys)).await?;
    }
    Ok(())
}
