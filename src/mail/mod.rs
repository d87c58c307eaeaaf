//! The way of a mail from a template to an SMTP server, and what the server made of it.
//!
//! [`template`] and [`message`] make the bytes. [`lanes`] is the bounded pool that sends them: each lane
//! owns one [`connection`], a [`breaker`] stops all of them while the fault is our own. [`reply`] says
//! what a reply means for the recipient, [`stream`] what has reached the kernel, and so whether a lost
//! connection leaves a mail in doubt.

mod built_in;
mod filters;
mod locate;
mod plain;
mod subject;
pub mod template;
mod template_error;
pub use built_in::{BUILT_IN_HTML, BUILT_IN_SUBJECT, BUILT_IN_TEXT};
pub use locate::Place;
pub use plain::text_of;

pub mod message;

pub mod settings;

pub mod lanes;

pub mod breaker;

pub mod connection;

pub mod reply;

mod ehlo;
mod lane;
mod stream;
mod supervisor;

#[cfg(test)]
mod peer;
#[cfg(test)]
mod roundtrip;

pub use breaker::{Breaker, BreakerState};
pub use connection::Connection;
pub use lanes::{Job, Lanes, Payload, Permits};
pub use message::{Letter, Sender, check_address, message_id, recipient_of};
pub use reply::{OwnFault, Phase, Verdict};
pub use settings::SmtpSettings;
pub use template::{Recipient, Rendered, Template};
pub use template_error::{Part, TemplateError};
