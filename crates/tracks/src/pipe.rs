//! Files that may be pipes: nobody waits for ever for one that nobody writes into.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a file to be read once from its start. Of a named pipe that nobody opens for writing, the first read fails after
/// some seconds; who writes into it may take any time.
///
/// # Errors
/// Where it cannot be opened.
pub fn open_file(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if path.metadata()?.file_type().is_fifo() {
            return Ok(Box::new(unix::Pipe::open(path)?));
        }
    }
    Ok(Box::new(File::open(path)?))
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, Read};
    use std::path::Path;
    use std::time::{Duration, Instant};

    use rustix::fs::{Mode, OFlags};

    /// How long somebody may take to open a pipe for writing.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// Between two looks at a pipe that has nothing to say.
    const PAUSE: Duration = Duration::from_millis(5);

    /// A pipe that is read without blocking: to open it otherwise is to wait for its writer.
    pub(super) struct Pipe {
        file: File,
        since: Instant,
        /// Whether somebody has opened it for writing; its end is an end only then.
        has_writer: bool,
    }

    impl Pipe {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
            Ok(Self { file, since: Instant::now(), has_writer: false })
        }
    }

    impl Read for Pipe {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            loop {
                match self.file.read(bytes) {
                    Ok(0) if bytes.is_empty() || self.has_writer => return Ok(0),
                    Ok(0) if self.since.elapsed() > PATIENCE => {
                        let words = format!("nobody has written into this pipe for {} s", PATIENCE.as_secs());
                        return Err(io::Error::new(io::ErrorKind::TimedOut, words));
                    }
                    Ok(0) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.has_writer = true,
                    read => {
                        self.has_writer = true;
                        return read;
                    }
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
}
