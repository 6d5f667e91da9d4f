// What a cell reads and gives back at one step of one column.
#pragma once
#include "types.h"

// Values of one step. What a call was not given holds its neutral element: no skip 0, no mask 1, no peephole 0.
template <class T> struct Step {
    T u[4];            // the products of the layer, in the order of `Cell.gates`
    T skip;            // x', the highway's input, scaled
    T v_f, v_r;        // peephole weights
    T b_f, b_r;        // biases of forget and reset gate
    T mask;            // dropout mask of the highway
};

// Gradients of what `Step` holds, and of the state before the step. u[1] and u[2] serve the biases too.
template <class T> struct Gradient {
    T u[4];
    T skip;
    T state;
};

// g in h = r * g(c) + ...: its value, and its slope by its value.
struct Identity {
    template <class T> HD static T of(T c) { return c; }
    template <class T> HD static T slope(T) { return 1; }
};
struct Tanh {
    template <class T> HD static T of(T c) { return hyperbolic_tangent(c); }
    template <class T> HD static T slope(T g) { return 1 - g * g; }
};
