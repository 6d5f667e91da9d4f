// QRNN, ifo pooling (QRNN paper, equation 5): an input gate of its own, c_t = f c_{t-1} + i z, h = o c.
#pragma once
#include "../step.h"

struct qrnn_ifo {
    static constexpr int gates = 4;  // candidate, forget, output, input
    static constexpr bool peephole = false, biased = false, highway = false;

    template <class G, class T> HD static void forward(const Step<T>& s, T before, T& c, T& h) {
        const T z = hyperbolic_tangent(s.u[0]), f = sigmoid(s.u[1]), i = sigmoid(s.u[3]);
        c = f * before + i * z;
        h = sigmoid(s.u[2]) * G::of(c);
    }

    template <class G, class T> HD static Gradient<T> backward(const Step<T>& s, T before, T d_h, T d_c) {
        const T z = hyperbolic_tangent(s.u[0]), f = sigmoid(s.u[1]), o = sigmoid(s.u[2]), i = sigmoid(s.u[3]);
        const T g = G::of(f * before + i * z);
        d_c += d_h * o * G::slope(g);
        Gradient<T> d;
        d.u[0] = d_c * i * (1 - z * z);
        d.u[1] = d_c * before * f * (1 - f);
        d.u[2] = d_h * g * o * (1 - o);
        d.u[3] = d_c * z * i * (1 - i);
        d.state = d_c * f;
        return d;
    }
};
