//! One replica: a component with its streams as in a daemon, with its own state.

use crate::config;
use crate::jat::reason::Reason;
use crate::link::component::lock;
use crate::link::component_tasks::ComponentTasks;

/// Stands for a separate process: it shares nothing with other replicas but the keys.
pub(super) struct Replica {
    tasks: ComponentTasks,
}

impl Replica {
    pub(super) fn start(config: &config::ComponentConfig) -> Self {
        Self { tasks: ComponentTasks::start(config) }
    }

    /// Takes a new configuration as a daemon does on SIGHUP.
    pub(super) fn reload(&mut self, config: &config::ComponentConfig) {
        self.tasks.reconfigure(config);
        self.tasks.ask_again();
    }

    /// How many resources of the target it knows to be online.
    pub(super) fn online(&self) -> usize {
        lock(&self.tasks.component).services.translators()[0].presence().resources.len()
    }

    /// How many stanzas it dropped, or answered, for this reason.
    pub(super) fn count(&self, reason: Reason) -> u64 {
        lock(&self.tasks.component).tally.total(reason)
    }

    /// Ends it at once, as kill -9 does: nothing more is written on its streams.
    pub(super) async fn kill(self) {
        for link in self.tasks.into_links() {
            link.task.abort();
            // Its socket is closed when the task is gone.
            let _ = link.task.await;
        }
    }
}
