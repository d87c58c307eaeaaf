//! What mailin's grammar leaves out of MAIL and RCPT: parameters, `<>`, a space after the colon.

use std::borrow::Cow;

/// The largest message taken, bytes; announced as SIZE (RFC 1870).
pub(super) const MAX_MESSAGE_BYTES: usize = 25 * 1024 * 1024;

/// Stands for the empty sender of a bounce, which mailin doesn't know. No address can be this.
pub(super) const NULL_SENDER: &str = "\0";

/// A command line (with its CRLF) as mailin understands it.
///
/// # Errors
/// The reply, without CRLF, when the line is refused before mailin sees it.
pub(super) fn canonical(line: &[u8]) -> Result<Cow<'_, [u8]>, &'static str> {
    let Some(text) = line.strip_suffix(b"\r\n") else {
        return Err("500 Syntax error: a line ends with CRLF");
    };
    if let Some(rest) = after_word(text, b"MAIL FROM:") {
        let (path, parameters) = path(rest, "501 Syntax: MAIL FROM:<address>")?;
        check_mail_parameters(parameters)?;
        let path = if path.is_empty() {
            NULL_SENDER.as_bytes()
        } else {
            path
        };
        return Ok(Cow::Owned([b"MAIL FROM:<", path, b">\r\n"].concat()));
    }
    if let Some(rest) = after_word(text, b"RCPT TO:") {
        let (path, parameters) = path(rest, "501 Syntax: RCPT TO:<address>")?;
        if path.is_empty() {
            return Err("501 Syntax: RCPT TO:<address>");
        }
        if !parameters.trim_ascii().is_empty() {
            return Err("555 RCPT TO parameters not recognized");
        }
        return Ok(Cow::Owned([b"RCPT TO:<", path, b">\r\n"].concat()));
    }
    let trimmed = text.trim_ascii_end();
    if trimmed.len() == text.len() {
        Ok(Cow::Borrowed(line))
    } else {
        Ok(Cow::Owned([trimmed, b"\r\n"].concat()))
    }
}

fn after_word<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// Splits `<address> parameters`; a source route (`@a,@b:`) is dropped, as RFC 5321 C asks.
fn path<'a>(rest: &'a [u8], syntax: &'static str) -> Result<(&'a [u8], &'a [u8]), &'static str> {
    let rest = rest.trim_ascii_start().strip_prefix(b"<").ok_or(syntax)?;
    let close = rest.iter().position(|b| *b == b'>').ok_or(syntax)?;
    let (mut path, parameters) = (&rest[..close], &rest[close + 1..]);
    if path.first() == Some(&b'@') {
        let colon = path.iter().position(|b| *b == b':').ok_or(syntax)?;
        path = &path[colon + 1..];
    }
    if parameters.first().is_some_and(|b| *b != b' ') || std::str::from_utf8(path).is_err() {
        return Err(syntax);
    }
    if path
        .iter()
        .any(|b| b.is_ascii_control() || matches!(b, b' ' | b'<'))
    {
        return Err("553 Mailbox name not allowed");
    }
    Ok((path, parameters))
}

fn check_mail_parameters(parameters: &[u8]) -> Result<(), &'static str> {
    for parameter in parameters
        .split(u8::is_ascii_whitespace)
        .filter(|p| !p.is_empty())
    {
        if let Some(size) = after_word(parameter, b"SIZE=") {
            let size: Option<u64> = std::str::from_utf8(size).ok().and_then(|s| s.parse().ok());
            match size {
                None => return Err("501 SIZE is not a number"),
                Some(bytes) if bytes > MAX_MESSAGE_BYTES as u64 => {
                    return Err("552 Message size exceeds the fixed maximum");
                }
                Some(_) => {}
            }
        } else if let Some(body) = after_word(parameter, b"BODY=") {
            if !body.eq_ignore_ascii_case(b"7BIT") && !body.eq_ignore_ascii_case(b"8BITMIME") {
                return Err("501 BODY is neither 7BIT nor 8BITMIME");
            }
        } else if !parameter.eq_ignore_ascii_case(b"SMTPUTF8") {
            return Err("555 MAIL FROM parameters not recognized");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<String, &'static str> {
        canonical(line.as_bytes()).map(|l| String::from_utf8_lossy(&l).into_owned())
    }

    #[test]
    fn what_clients_send_becomes_what_mailin_knows() {
        assert_eq!(
            of("mail from: <a@x> SIZE=99 body=8bitmime\r\n").unwrap(),
            "MAIL FROM:<a@x>\r\n"
        );
        assert_eq!(of("MAIL FROM:<>\r\n").unwrap(), "MAIL FROM:<\0>\r\n");
        assert_eq!(of("RCPT TO:<@a,@b:c@x>\r\n").unwrap(), "RCPT TO:<c@x>\r\n");
        assert_eq!(of("NOOP  \r\n").unwrap(), "NOOP\r\n");
        assert_eq!(of("EHLO x\r\n").unwrap(), "EHLO x\r\n");
    }

    #[test]
    fn bad_input_gets_its_own_reply() {
        let code = |line: &str| of(line).expect_err("refused")[..3].to_owned();
        assert_eq!(code("MAIL FROM:<a@x> SIZE=26214401\r\n"), "552");
        assert_eq!(code("MAIL FROM:<a@x> SIZE=-1\r\n"), "501");
        assert_eq!(code("MAIL FROM:a@x\r\n"), "501");
        assert_eq!(code("MAIL FROM:<a@x> RET=HDRS\r\n"), "555");
        assert_eq!(code("RCPT TO:<>\r\n"), "501");
        assert_eq!(code("RCPT TO:<\0>\r\n"), "553");
        assert_eq!(code("RCPT TO:<a b@x>\r\n"), "553");
        assert_eq!(code("QUIT\n"), "500");
    }
}
