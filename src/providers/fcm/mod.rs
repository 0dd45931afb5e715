//! fcm.
