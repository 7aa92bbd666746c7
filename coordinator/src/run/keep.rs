//! Where a run is kept: nowhere, in the store as a new run, or in the store as one that goes on.

use jobs::Outputs;

use super::incremental::Carry;
use super::now::now;
use super::planner::Earlier;
use super::record::{COMPLETING, Recorder};
use super::restore::{Restore, RestoreTrouble};
use crate::store::{NewRun, Purpose, RunId, RunInfo, Store, StoreError};

/// Where a run is kept.
pub enum Keep {
    /// Nowhere: a run that is stopped is lost. It still has an id, for its summary.
    Nowhere(RunId),
    /// In this store, as a new run.
    New(Store, Box<NewRun>),
    /// In this store, as a new run that takes over what earlier ones have done.
    Incremental(Store, Box<NewRun>, Box<Carry>),
    /// In this store, where it goes on.
    Again(Store, Box<Again>),
}

/// A run that is to go on. It is taken over once nothing can refuse to run it any more.
#[derive(Debug)]
pub struct Again {
    /// The run.
    pub run: RunInfo,
    /// What for.
    pub purpose: Purpose,
    /// Its inputs have changed, so that its outcomes come from several.
    pub mixed: bool,
}

/// A run that is being kept.
pub(super) struct Kept {
    pub(super) id: RunId,
    pub(super) recorder: Option<Recorder>,
    pub(super) earlier: Option<Box<dyn Earlier>>,
    /// Tasks that need not be run.
    pub(super) done: u64,
    /// Why these could not be read, in the end.
    pub(super) trouble: RestoreTrouble,
}

impl Keep {
    /// The store that the run is kept in.
    pub fn store(&self) -> Option<&Store> {
        match self {
            Self::Nowhere(_) => None,
            Self::New(store, _) | Self::Incremental(store, ..) | Self::Again(store, _) => Some(store),
        }
    }

    /// Makes or takes over the run, and starts to record it; `outputs` names the files that its tasks write.
    ///
    /// # Errors
    /// The store can't be written.
    pub(super) fn begin(self, outputs: Option<Box<dyn Outputs>>) -> anyhow::Result<Kept> {
        let (store, claimed) = match self {
            Self::Nowhere(id) => {
                let trouble = RestoreTrouble::default();
                return Ok(Kept { id, recorder: None, earlier: None, done: 0, trouble });
            }
            Self::New(mut store, new) => {
                let claimed = store.create_run(&new, now())?;
                (store, claimed)
            }
            Self::Incremental(mut store, new, carry) => {
                let claimed = store.create_run(&new, now())?;
                let claimed = carry.carry(&store, claimed)?;
                (store, claimed)
            }
            Self::Again(mut store, again) => {
                let claimed = store.claim(&again.run, again.purpose, now())?;
                if again.mixed {
                    store.note_mixed(&claimed)?;
                }
                (store, claimed)
            }
        };
        let (info, done) = (claimed.info.clone(), claimed.done.clone());
        let mut kept = Kept {
            id: info.id.clone(),
            recorder: None,
            earlier: None,
            done: done.len(),
            trouble: RestoreTrouble::default(),
        };
        if !done.is_empty() {
            let store = store.again()?;
            kept.earlier = Some(Box::new(Restore::spawn(store, info, done, kept.trouble.clone())?));
        }
        kept.recorder = Some(Recorder::start(store, claimed, outputs)?);
        Ok(kept)
    }
}

/// True where the run was so near its end that its files may have taken their places: what is there under
/// their names then is its own.
///
/// # Errors
/// The store can't be read.
pub fn was_completing(store: &Store, run: &RunInfo) -> Result<bool, StoreError> {
    Ok(store.events(run)?.iter().any(|event| event.kind == COMPLETING))
}
