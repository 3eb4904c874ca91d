//! The test alert: a small message that says what it is.

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Mailbox, SinglePart};
use lettre::{Address, Message};

/// What a test alert is made of.
#[derive(Clone, Debug)]
pub struct TestAlert<'a> {
    /// Identifies the test; stands in the subject so that people can search for it.
    pub test_id: &'a str,
    /// The sender's address.
    pub sender: &'a str,
    /// The recipients' addresses.
    pub recipients: &'a [String],
    /// For whom the test is, as they are called.
    pub customer: &'a str,
    /// When the message was written.
    pub date: DateTime<Utc>,
}

/// A message that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// An address is none.
    #[error("{0:?} is no e-mail address")]
    Address(String, #[source] lettre::address::AddressError),
    /// The message as a whole.
    #[error("the test alert cannot be built")]
    Message(#[source] lettre::error::Error),
}

impl TestAlert<'_> {
    /// The whole message, header and body, lines ended by CRLF and below 998 octets (RFC 5322 section 2.1.1).
    pub fn build(&self) -> Result<Vec<u8>, MessageError> {
        let domain = self.sender.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let (customer, test_id) = (self.customer, self.test_id);
        let written = self.date.format("%Y-%m-%d %H:%M:%S UTC");
        let text = format!(
            "This is a test alert for {customer}.\r\n\r\n\
             It proves that alert mail reaches this mailbox. Nothing else is needed\r\n\
             than to confirm that it arrived.\r\n\r\n\
             Test: {test_id}\r\nWritten: {written}\r\n"
        );
        let mut builder = Message::builder()
            .from(mailbox(self.sender)?)
            .subject(format!("Postern test alert {}", self.test_id))
            .date(self.date.into())
            .message_id(Some(format!("<{}.test-alert@{domain}>", self.test_id)));
        for recipient in self.recipients {
            builder = builder.to(mailbox(recipient)?);
        }
        let body = SinglePart::builder()
            .header(ContentType::TEXT_PLAIN)
            .header(ContentTransferEncoding::QuotedPrintable)
            .body(text);
        let message = builder.singlepart(body).map_err(MessageError::Message)?;
        Ok(message.formatted())
    }
}

fn mailbox(address: &str) -> Result<Mailbox, MessageError> {
    let parsed = address.parse::<Address>().map_err(|error| MessageError::Address(address.to_owned(), error))?;
    Ok(Mailbox::new(None, parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(customer: &str, test_id: &str) -> String {
        let alert = TestAlert {
            test_id,
            sender: "alerts@vendor.example",
            recipients: &["it@customer.example".to_owned()],
            customer,
            date: DateTime::from_timestamp(1_764_000_000, 0).unwrap(),
        };
        String::from_utf8(alert.build().unwrap()).unwrap()
    }

    #[test]
    fn the_message_says_which_test_it_belongs_to() {
        let message = built("Acme", "t-1");
        assert!(message.contains("Subject: Postern test alert t-1\r\n"), "{message}");
        assert!(message.contains("Message-ID: <t-1.test-alert@vendor.example>\r\n"), "{message}");
        assert!(message.contains("Date: Mon, 24 Nov 2025 16:00:00 +0000\r\n"), "{message}");
    }

    #[test]
    fn s106_names_of_any_length_and_script_keep_lines_short() {
        let message = built(&"Ümläüt & Söhne ".repeat(140), &"x".repeat(300));
        assert!(message.lines().all(|line| line.len() <= 998), "{message}");
        let body = message.split("\r\n\r\n").nth(1).unwrap();
        assert!(body.lines().all(|line| line.len() <= 78 && line.is_ascii()), "{body}");
    }

    #[test]
    fn text_with_line_breaks_stays_in_the_body() {
        let message = built("x\r\n.\r\nMAIL FROM:<x@evil>", "t-1");
        let (header, _) = message.split_once("\r\n\r\n").unwrap();
        assert!(!header.contains("evil"));
    }
}
