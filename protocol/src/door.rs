//! The socket that a new worker connects to, once.
//!
//! Nothing is ever read from it: a connection says only that the worker is there. What goes over it goes to the worker.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
};
use tempfile::TempDir;

use crate::directory::socket_folder;

/// A listening socket in a folder of its own, which goes with it.
#[derive(Debug)]
pub(crate) struct Door {
    socket: OwnedFd,
    name: String,
    _folder: TempDir,
}

impl Door {
    /// Makes a door where this process's sockets lie; nobody else can look into its folder.
    pub(crate) fn new() -> io::Result<Self> {
        let folder = socket_folder()?;
        let path = folder.path().join("socket");
        let name = path.to_str().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // What `ipc-channel` connects with.
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        bind(&socket, &SocketAddrUnix::new(&path)?)?;
        // A backlog of 0 leaves room for one: a second one that connects waits, and holds up nobody but itself.
        listen(&socket, 0)?;
        Ok(Self { socket, name, _folder: folder })
    }

    /// Its path.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The connection that is there, without waiting; `None`: nobody has connected.
    pub(crate) fn accept(&self) -> io::Result<Option<OwnedFd>> {
        match retry_on_intr(|| accept_with(&self.socket, SocketFlags::CLOEXEC)) {
            Ok(connection) => Ok(Some(connection)),
            // The second: it has gone again.
            Err(Errno::AGAIN | Errno::CONNABORTED) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
