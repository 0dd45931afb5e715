//! sendgrid.
