// minGRU (Feng et al. 2024, section 3.1): h = c, c_t = f c_{t-1} + (1 - f) u, with f one minus the paper's z.
#pragma once
#include "../step.h"

struct mingru {
    static constexpr int gates = 2;  // candidate, forget
    static constexpr bool peephole = false, biased = false, highway = false;

    template <class G, class T> HD static void forward(const Step<T>& s, T before, T& c, T& h) {
        const T f = sigmoid(s.u[1]);
        c = f * before + (1 - f) * s.u[0];
        h = G::of(c);
    }

    template <class G, class T> HD static Gradient<T> backward(const Step<T>& s, T before, T d_h, T d_c) {
        const T f = sigmoid(s.u[1]);
        d_c += d_h * G::slope(G::of(f * before + (1 - f) * s.u[0]));
        Gradient<T> d;
        d.u[0] = d_c * (1 - f);
        d.u[1] = d_c * (before - s.u[0]) * f * (1 - f);
        d.state = d_c * f;
        return d;
    }
};
