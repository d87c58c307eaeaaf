//! Postfix's smtp-sink: takes every mail and throws it away, as fast as anything can.

use super::process::{Server, directory, find, free_port, is_root};

pub struct SmtpSink(Server);

impl SmtpSink {
    /// `extra` are more of its options: `-r MAIL` refuses a command, `-w 1` delays answers (smtp-sink(1)).
    pub fn start(extra: &[&str]) -> Self {
        Self::start_on(free_port(), extra)
    }

    pub fn start_on(port: u16, extra: &[&str]) -> Self {
        let program = find("COMMS_TEST_SMTP_SINK", &["smtp-sink"], &["/usr/sbin"]);
        let mut args: Vec<String> = extra.iter().map(|arg| (*arg).to_owned()).collect();
        if is_root() {
            args.extend(["-u", "nobody"].map(str::to_owned));
        }
        args.extend([format!("127.0.0.1:{port}"), "1000".to_owned()]);
        Self(Server::start(&program, args, directory("smtp"), port))
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.0.port())
    }

    pub fn kill(&self) {
        self.0.kill();
    }

    pub fn restart(&mut self) {
        self.0.restart();
    }

    pub fn freeze(&self) {
        self.0.signal("STOP");
    }

    pub fn thaw(&self) {
        self.0.signal("CONT");
    }
}
