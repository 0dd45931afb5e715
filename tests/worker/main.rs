//! Workers over the store in memory, on a clock that moves by itself.

mod flow;
mod kit;
mod loss;
mod outage;
mod pace;
mod store;
