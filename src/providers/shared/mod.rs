//! What vendors share between them, so that none imports another.

#[cfg(any(
    feature = "brevo",
    feature = "mailgun",
    feature = "postmark",
    feature = "resend",
    feature = "sendgrid"
))]
pub(in crate::providers) mod batch;
#[cfg(any(
    feature = "brevo",
    feature = "mailgun",
    feature = "postmark",
    feature = "resend",
    feature = "sendgrid"
))]
pub(in crate::providers) mod envelope;
#[cfg(any(
    feature = "brevo",
    feature = "mailgun",
    feature = "postmark",
    feature = "resend",
    feature = "sendgrid"
))]
pub(in crate::providers) mod mail;
#[cfg(any(
    feature = "brevo",
    feature = "mailgun",
    feature = "postmark",
    feature = "resend",
    feature = "sendgrid"
))]
pub(in crate::providers) mod merge;
pub(in crate::providers) mod options;
#[cfg(any(
    feature = "brevo",
    feature = "mailgun",
    feature = "postmark",
    feature = "resend",
    feature = "sendgrid"
))]
pub(in crate::providers) mod plan;
pub(in crate::providers) mod settings;
