// The Simple Recurrent Unit (SRU paper, equations 1-4). A dropped unit passes the skip input: h = x' + r m (g(c) - x').
#pragma once
#include "../step.h"

struct sru {
    static constexpr int gates = 3;  // candidate, forget, reset
    static constexpr bool peephole = true, biased = true, highway = true;
    // The state comes last into a gate: all that does not wait for the step before is added up by then.

    template <class G, class T> HD static void forward(const Step<T>& s, T before, T& c, T& h) {
        const T f = sigmoid(s.u[1] + s.b_f + s.v_f * before);
        const T r = sigmoid(s.u[2] + s.b_r + s.v_r * before);
        c = f * before + (1 - f) * s.u[0];
        h = s.skip + r * s.mask * (G::of(c) - s.skip);
    }

    template <class G, class T> HD static Gradient<T> backward(const Step<T>& s, T before, T d_h, T d_c) {
        const T f = sigmoid(s.u[1] + s.b_f + s.v_f * before);
        const T r = sigmoid(s.u[2] + s.b_r + s.v_r * before);
        const T g = G::of(f * before + (1 - f) * s.u[0]);
        const T d_g = d_h * r * s.mask;
        d_c += d_g * G::slope(g);
        Gradient<T> d;
        d.u[0] = d_c * (1 - f);
        d.u[1] = d_c * (before - s.u[0]) * f * (1 - f);
        d.u[2] = d_h * s.mask * (g - s.skip) * r * (1 - r);
        d.skip = d_h - d_g;
        d.state = d_c * f + d.u[1] * s.v_f + d.u[2] * s.v_r;
        return d;
    }
};
