"""The Enel model: a graph network over the stages of a run that predicts its remaining runtime.

``config`` says what the network looks like, ``encoding`` and ``features`` turn properties and
measurements into numbers, ``graph``, ``summaries`` and ``assembly`` turn runs into arrays,
``network`` is the network in torch, where it is trained, and ``inference`` the same in NumPy,
where it is used; ``sweep`` prepares all candidate scale-outs of a run for it.
Source: Scheinert et al., "Enel: Context-Aware Dynamic Scaling of Distributed Dataflow Jobs using
Graph Propagation", IPCCC 2021; the numbers in brackets are its equations.
"""
