//! A subject as a header (RFC 2047, RFC 5322 2.2.3). Lettre's own takes `=?…?=` as it is, so that it reads as
//! something else, and loses a blank of two where it folds.

use base64::{Engine, engine::general_purpose::STANDARD};
use lettre::message::header::{HeaderName, HeaderValue};

const SUBJECT: HeaderName = HeaderName::new_from_ascii_str("Subject");
/// RFC 5322 2.1.1: a line should not be longer.
const LINE: usize = 78;
/// Bytes in an encoded word: 56 characters of base64 and 12 around them, after `Subject: `.
const PIECE: usize = 42;

pub(super) fn header(subject: &str) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(SUBJECT, subject.to_owned(), encoded(subject))
}

fn encoded(subject: &str) -> String {
    if is_plain(subject) {
        folded(subject)
    } else {
        encoded_words(subject)
    }
}

/// Whether it reads as itself, and can be folded between its words.
fn is_plain(subject: &str) -> bool {
    subject.bytes().all(|b| matches!(b, b' '..=b'~'))
        && !subject.contains("=?")
        && subject
            .split(' ')
            .all(|word| (1..=60).contains(&word.len()))
}

fn folded(subject: &str) -> String {
    let mut out = String::with_capacity(subject.len() + 8);
    let mut used = "Subject:".len();
    for word in subject.split(' ') {
        if used + 1 + word.len() > LINE && !out.is_empty() {
            out.push_str("\r\n ");
            used = 1 + word.len();
        } else {
            if !out.is_empty() {
                out.push(' ');
            }
            used += 1 + word.len();
        }
        out.push_str(word);
    }
    out
}

/// White space between encoded words is nothing; no character is cut in two.
fn encoded_words(subject: &str) -> String {
    let mut out = String::with_capacity(subject.len() * 2);
    let mut rest = subject;
    while !rest.is_empty() {
        let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = ends.take_while(|end| *end <= PIECE).last();
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        if !out.is_empty() {
            out.push_str("\r\n ");
        }
        out.push_str("=?utf-8?B?");
        STANDARD.encode_string(piece, &mut out);
        out.push_str("?=");
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_subjects_stay_as_they_are_and_long_ones_are_folded() {
        assert_eq!(encoded("Winter is here"), "Winter is here");
        let long = "word ".repeat(40);
        let encoded = encoded(long.trim());
        assert!(
            encoded.split("\r\n").all(|line| line.len() <= LINE),
            "{encoded}"
        );
        assert_eq!(encoded.replace("\r\n", ""), long.trim());
    }

    #[test]
    fn others_are_encoded_words_of_at_most_75_characters() {
        for subject in [
            "Grüße",
            "=?x?=",
            "two  blanks",
            &"漢🎄".repeat(40),
            &"x".repeat(99),
        ] {
            let encoded = encoded(subject);
            assert!(
                encoded.is_ascii() && encoded.starts_with("=?utf-8?B?"),
                "{encoded}"
            );
            assert!(
                encoded.split("\r\n ").all(|word| word.len() <= 75),
                "{encoded}"
            );
        }
    }
}
