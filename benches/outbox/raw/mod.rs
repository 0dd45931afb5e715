//! The same writes in SQL by hand: what a careful user would write who has only this one case.

pub(crate) mod postgres;
pub(crate) mod sqlite;
