// The SRU paper's "QRNN + highway" (Table 1): fo pooling's state behind the highway of an SRU of 2017.
#pragma once
#include "../step.h"

struct qrnn_highway {
    static constexpr int gates = 3;  // candidate, forget, reset
    static constexpr bool peephole = false, biased = false, highway = true;

    template <class G, class T> HD static void forward(const Step<T>& s, T before, T& c, T& h) {
        const T z = hyperbolic_tangent(s.u[0]), f = sigmoid(s.u[1]), r = sigmoid(s.u[2]);
        c = f * before + (1 - f) * z;
        h = r * s.mask * G::of(c) + (1 - r) * s.skip;
    }

    template <class G, class T> HD static Gradient<T> backward(const Step<T>& s, T before, T d_h, T d_c) {
        const T z = hyperbolic_tangent(s.u[0]), f = sigmoid(s.u[1]), r = sigmoid(s.u[2]);
        const T g = G::of(f * before + (1 - f) * z);
        d_c += d_h * r * s.mask * G::slope(g);
        Gradient<T> d;
        d.u[0] = d_c * (1 - f) * (1 - z * z);
        d.u[1] = d_c * (before - z) * f * (1 - f);
        d.u[2] = d_h * (s.mask * g - s.skip) * r * (1 - r);
        d.skip = d_h * (1 - r);
        d.state = d_c * f;
        return d;
    }
};
