// QRNN, fo pooling (QRNN paper, equation 4): c_t = f c_{t-1} + (1 - f) z, h = o c.
#pragma once
#include "../step.h"

struct qrnn_fo {
    static constexpr int gates = 3;  // candidate, forget, output
    static constexpr bool peephole = false, biased = false, highway = false;

    template <class G, class T> HD static void forward(const Step<T>& s, T before, T& c, T& h) {
        const T z = hyperbolic_tangent(s.u[0]), f = sigmoid(s.u[1]);
        c = f * before + (1 - f) * z;
        h = sigmoid(s.u[2]) * G::of(c);
    }

    template <class G, class T> HD static Gradient<T> backward(const Step<T>& s, T before, T d_h, T d_c) {
        const T z = hyperbolic_tangent(s.u[0]), f = sigmoid(s.u[1]), o = sigmoid(s.u[2]);
        const T g = G::of(f * before + (1 - f) * z);
        d_c += d_h * o * G::slope(g);
        Gradient<T> d;
        d.u[0] = d_c * (1 - f) * (1 - z * z);
        d.u[1] = d_c * (before - z) * f * (1 - f);
        d.u[2] = d_h * g * o * (1 - o);
        d.state = d_c * f;
        return d;
    }
};
