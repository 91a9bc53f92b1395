//! Black-box tests of the running stack, by capability, in `tests/`; material for them in `data/`.
