//! What a reason is without the parts that differ from letter to letter.

use sha2::{Digest, Sha256};

/// The reason with addresses, ids and long numbers left out; SMTP codes stay.
pub fn cause(reason: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in reason.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let varies = bare.contains('@') || is_long_number(bare) || is_id(bare);
        let word = if varies {
            word.replace(bare, "…")
        } else {
            word.to_owned()
        };
        words.push(word);
    }
    words.join(" ")
}

/// A short name for a cause, to type on a command line.
pub fn fingerprint(cause: &str) -> String {
    let digest = Sha256::digest(cause);
    digest[..3]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn is_long_number(word: &str) -> bool {
    word.len() > 3 && word.chars().all(|c| c.is_ascii_digit())
}

/// Like the queue id in `queued as 4F2A9C81B0`, or `1731-0`.
fn is_id(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain && digits >= 3 && word.len() >= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_letter_to_letter_is_left_out_and_the_code_stays() {
        let one = cause("refused at RCPT: 550 5.1.1 <ann.lee.17@example.com>: unknown in table");
        let two = cause("refused at RCPT: 550 5.1.1 <bob.17000@example.org>: unknown in table");
        assert_eq!(one, "refused at RCPT: 550 5.1.1 <…>: unknown in table");
        assert_eq!(one, two);
        let other = cause("refused at RCPT: 552 5.2.2 <ann.lee.17@example.com>: unknown in table");
        assert_ne!(fingerprint(&one), fingerprint(&other));
        assert_eq!(fingerprint(&one).len(), 6);
        assert_eq!(
            cause("451 4.3.0 4F2A9C81B0: try 1731000000000 later"),
            "451 4.3.0 …: try … later"
        );
    }
}
