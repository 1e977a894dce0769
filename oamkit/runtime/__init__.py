"""The OAM runtime: the controller of ``core.oam.dev/v1alpha2``, run by ``python -m oamkit.runtime``.

One way through the code, e.g. for an ApplicationConfiguration::

    watch event → WorkQueue → ApplicationReconciler.reconcile → Facts.gather → oam.render → Applier.apply → status

It is level-triggered: a pass looks at what is, not at what happened, and one that finds nothing to change writes nothing. It is
event-driven: nothing is polled; a slow resync is only a safety net.
"""
