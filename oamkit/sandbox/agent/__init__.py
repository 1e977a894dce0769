"""The node agent of the sandbox: what a kubelet is to a real node.

==================================  ==============================================================================================
modules                             what they do
==================================  ==============================================================================================
``model``                           the plain data that all of it is about
``fields``, ``environment``,        pure: from a Pod and what it refers to, to variables, command lines, files, mounts, names
``references``, ``volumes``,
``podconfig``
``plan``, ``backoff``, ``probes``,  pure: what to do next, when, and what the Pod's status says of it
``status``
``pod_worker``, ``containers``, …   the I/O around it: one task for each Pod that goes from what is to what should be
``kubelet_api``, ``streaming``, …   the kubelet's own API, which the API server calls for ``kubectl logs``, ``exec`` and so on
==================================  ==============================================================================================

The path of one Pod: watch event → its worker's ``sync`` → :func:`~oamkit.sandbox.agent.plan.decide` → start and stop by the
:class:`~oamkit.sandbox.cri.ContainerRuntime` → :func:`~oamkit.sandbox.agent.status.render_status` → merge patch of the status.
"""
