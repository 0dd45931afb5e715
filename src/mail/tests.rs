//! What the room promises, from outside.
