//! The file behind shared memory.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

/// Makes an anonymous file that can be sealed.
///
/// # Errors
/// The system refuses; where it does so for good, the error says what to do about it.
pub(super) fn memfd(name: &str) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    memfd_create(name, flags)
        .or_else(|error| match error {
            // Where `vm.memfd_noexec` is 2, a file that could be executed is refused (Linux 6.3 and newer).
            Errno::ACCESS => memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL),
            error => Err(error),
        })
        .map_err(explained)
}

/// A refusal that will not change says who refuses. The others stay what they are: some only mean that nothing is left.
fn explained(error: Errno) -> io::Error {
    if !matches!(error, Errno::PERM | Errno::ACCESS | Errno::NOSYS | Errno::INVAL) {
        return error.into();
    }
    let plain = io::Error::from(error);
    let message = format!(
        "no shared memory (memfd_create): {plain}; it takes Linux 3.17 or newer, and a sandbox (seccomp) that allows \
         this call"
    );
    io::Error::new(plain.kind(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_for_good_is_explained_and_scarcity_stays_what_it_is() {
        let denied = explained(Errno::PERM);
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
        assert!(
            denied.to_string().contains("memfd_create") && denied.to_string().contains("seccomp"),
            "{denied}"
        );
        assert_eq!(explained(Errno::MFILE).raw_os_error(), Some(Errno::MFILE.raw_os_error()));
    }
}
