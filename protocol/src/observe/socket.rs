//! Unix stream sockets with names of any length.
//!
//! An address holds 107 bytes. A longer path is reached through its folder's descriptor, as `/proc/self/fd/N/NAME`.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

/// `sockaddr_un.sun_path`, without the zero at its end.
const LONGEST: usize = 107;

/// A stream socket that does not block and that no other program inherits.
pub(super) fn stream() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// Binds a socket to `path`.
///
/// # Errors
/// The system's.
pub(super) fn bind(socket: &OwnedFd, path: &Path) -> io::Result<()> {
    with_address(path, |address| Ok(rustix::net::bind(socket, address)?))
}

/// Connects to the socket at `path`, without waiting.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` where nobody listens, `WouldBlock` where someone does and is busy, or the system's.
pub(super) fn connect(path: &Path) -> io::Result<OwnedFd> {
    let socket = stream()?;
    with_address(path, |address| Ok(rustix::net::connect(&socket, address)?))?;
    Ok(socket)
}

fn with_address(path: &Path, act: impl FnOnce(&SocketAddrUnix) -> io::Result<()>) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        // The empty name is the kernel's to choose.
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if path.as_os_str().len() <= LONGEST {
        return act(&SocketAddrUnix::new(path)?);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = folder_of(path);
    let folder = open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    act(&SocketAddrUnix::new(&short)?)
}

/// The folder that a path lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
