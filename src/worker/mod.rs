//! Workers.
mod decide;
mod pace;
mod plan;
pub use plan::RetryPlan;
