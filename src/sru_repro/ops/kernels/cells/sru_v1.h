// The SRU of 2017 (arXiv v1): the gates do not see the state, and dropout masks g(c) alone.
#pragma once
#include "../step.h"

struct sru_v1 {
    static constexpr int gates = 3;  // candidate, forget, reset
    static constexpr bool peephole = false, biased = true, highway = true;

    template <class G, class T> HD static void forward(const Step<T>& s, T before, T& c, T& h) {
        const T f = sigmoid(s.u[1] + s.b_f), r = sigmoid(s.u[2] + s.b_r);
        c = f * before + (1 - f) * s.u[0];
        h = r * s.mask * G::of(c) + (1 - r) * s.skip;
    }

    template <class G, class T> HD static Gradient<T> backward(const Step<T>& s, T before, T d_h, T d_c) {
        const T f = sigmoid(s.u[1] + s.b_f), r = sigmoid(s.u[2] + s.b_r);
        const T g = G::of(f * before + (1 - f) * s.u[0]);
        d_c += d_h * r * s.mask * G::slope(g);
        Gradient<T> d;
        d.u[0] = d_c * (1 - f);
        d.u[1] = d_c * (before - s.u[0]) * f * (1 - f);
        d.u[2] = d_h * (s.mask * g - s.skip) * r * (1 - r);
        d.skip = d_h * (1 - r);
        d.state = d_c * f;
        return d;
    }
};
