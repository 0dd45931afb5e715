//! twilio.
