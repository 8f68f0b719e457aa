"""Resource samples: what the host and each container consume, measured within a budget.

The sampler is one long-lived forked child. Reading a control file can take seconds on a host with
tens of thousands of groups or a dead device, and the parent must stay able to answer; a function
called between two ticks could not promise that. The child shares the parent's pages (measured:
about 2 MiB of its own), so it costs no second interpreter. Finished rows go through a pipe.

- ``schedule`` decides when to look at what (pure: clock and costs come from outside);
- ``groups`` finds containers in the control group tree, ``counters`` reads one of them,
  ``machine`` the host, ``threads`` those of hot ones;
- ``glance`` looks at all containers at once, cheaply, and finds what lived between two looks;
- ``window`` folds samples into rows of five minutes and, while hot, of ten seconds;
- ``sampler`` joins them into one step; ``child`` runs the steps and brings rows to the parent.
"""
