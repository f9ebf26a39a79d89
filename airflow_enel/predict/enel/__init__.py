"""The Enel model: a graph network over the stages of a run that predicts its remaining runtime.

:mod:`.features` turns runs into graphs and numbers, :mod:`.inference` applies the network in
NumPy to all candidate scale-outs of a run, :mod:`.training` trains it in torch; :mod:`.config` is
its shape, :mod:`.model` what is stored, :mod:`.forecaster` what policies use.
Source: Scheinert et al., "Enel: Context-Aware Dynamic Scaling of Distributed Dataflow Jobs using
Graph Propagation", IPCCC 2021; the numbers in brackets are its equations.
"""
