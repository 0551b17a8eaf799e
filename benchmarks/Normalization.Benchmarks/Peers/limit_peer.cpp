// Times the memory limit of a normalization layer on request: the protocol is in README.md.
// build: g++ -std=c++20 -O3 -march=native -pthread limit_peer.cpp -o limit_peer
//
// Forward: x is read and y written (copy). Backward, or with a skip: two tensors are read and one written (triad). With a residual two
// are read and two written. The same bytes as the layer has to move, and no arithmetic worth mentioning. The fastest of several loops
// is reported, on one thread or on all, because a small tensor is moved faster by one.
// Layouts: ordinary (vector stores, memcpy), non-temporal (streamed stores). With --instructions avx2 there are no loops of 512 bits.
#include "peer.hpp"
#include <atomic>
#include <immintrin.h>
#include <memory>

struct Vector256 {
    __m256 v;
    static Vector256 load(const float *p) { return {_mm256_loadu_ps(p)}; }
    void store(float *p) const { _mm256_storeu_ps(p, v); }
    void stream(float *p) const { _mm256_stream_ps(p, v); }
    Vector256 half_plus(Vector256 o) const { return {_mm256_add_ps(_mm256_mul_ps(v, _mm256_set1_ps(0.5f)), o.v)}; }
};
#ifdef __AVX512F__
struct Vector512 {
    __m512 v;
    static Vector512 load(const float *p) { return {_mm512_loadu_ps(p)}; }
    void store(float *p) const { _mm512_storeu_ps(p, v); }
    void stream(float *p) const { _mm512_stream_ps(p, v); }
    Vector512 half_plus(Vector512 o) const { return {_mm512_fmadd_ps(v, _mm512_set1_ps(0.5f), o.v)}; }
};
#endif

using Loop = void (*)(float *y, float *z, const float *x, const float *w, long n);

template <class V, int Reads, int Writes, bool Streamed>
static void move(float *y, float *z, const float *x, const float *w, long n) {
    const long width = sizeof(V) / sizeof(float), step = 4 * width;
    long i = 0;
    for (; i + step <= n; i += step) {
        V v[4];
        for (int k = 0; k < 4; k++) {
            v[k] = V::load(x + i + k * width);
            if (Reads == 2) v[k] = v[k].half_plus(V::load(w + i + k * width));
        }
        for (int k = 0; k < 4; k++) Streamed ? v[k].stream(y + i + k * width) : v[k].store(y + i + k * width);
        for (int k = 0; k < 4 && Writes == 2; k++) Streamed ? v[k].stream(z + i + k * width) : v[k].store(z + i + k * width);
    }
    for (; i < n; i++) {
        y[i] = Reads == 2 ? 0.5f * x[i] + w[i] : x[i];
        if (Writes == 2) z[i] = y[i];
    }
    if (Streamed) _mm_sfence();
}
template <class V>
static Loop loop_of(int reads, int writes, bool streamed) {
    if (writes == 2) return streamed ? move<V, 2, 2, true> : move<V, 2, 2, false>;
    if (reads == 2) return streamed ? move<V, 2, 1, true> : move<V, 2, 1, false>;
    return streamed ? move<V, 1, 1, true> : move<V, 1, 1, false>;
}
static void copy_memory(float *y, float *, const float *x, const float *, long n) { memcpy(y, x, n * sizeof(float)); }

// Helpers that spin for a short while after a call, so that the next one finds them awake, and then sleep.
class Team {
    std::vector<std::thread> helpers_;
    std::atomic<unsigned> round_{0}, finished_{0};
    std::atomic<bool> quit_{false};
    const std::function<void(int)> *work_ = nullptr;

    void help(int index) {
        for (unsigned seen = 0;; seen++) {
            for (double end = 0; round_.load(std::memory_order_acquire) == seen;) {
                _mm_pause();
                if (end == 0) end = peer::now_us() + 500;
                else if (peer::now_us() > end) round_.wait(seen);
            }
            if (quit_) return;
            (*work_)(index);
            finished_.fetch_add(1, std::memory_order_release);
        }
    }
    void start_round() { round_.fetch_add(1, std::memory_order_release); round_.notify_all(); }

public:
    const int size;
    explicit Team(int threads) : size(threads) { for (int i = 1; i < threads; i++) helpers_.emplace_back(&Team::help, this, i); }
    ~Team() { quit_ = true; start_round(); for (auto &h : helpers_) h.join(); }
    void run(const std::function<void(int)> &work) {
        work_ = &work;
        finished_.store(0, std::memory_order_relaxed);
        start_round();
        work(0);
        while (finished_.load(std::memory_order_acquire) != (unsigned)size - 1) _mm_pause();
    }
};

struct Buffers {
    std::vector<std::unique_ptr<float[], void (*)(void *)>> blocks;
    float *allocate(long n, long line) {
        // Different lines within the page, so that no load waits for a store with the same low address bits.
        const long offset = line * 16;
        float *p = (float *)aligned_alloc(4096, ((n + offset) * 4 + 4095) / 4096 * 4096);
        if (!p) throw std::bad_alloc();
        blocks.emplace_back(p, free);
        return p + offset;
    }
};

static std::vector<peer::Kernel> prepare(Team &team, bool wide, const peer::Request &r) {
    bool streamed = r.layout == "non-temporal", residual = r.op.starts_with("add-");
    if (!streamed && r.layout != "ordinary") throw std::invalid_argument("layouts are ordinary and non-temporal");
    int reads = r.is_backward() || r.has("-add-") || residual ? 2 : 1, writes = residual ? 2 : 1;
    std::vector<std::pair<std::string, Loop>> loops{{"256-bit", loop_of<Vector256>(reads, writes, streamed)}};
#ifdef __AVX512F__
    if (wide) loops.emplace_back("512-bit", loop_of<Vector512>(reads, writes, streamed));
#endif
    if (reads == 1 && !streamed) loops.emplace_back("memcpy", copy_memory);

    auto buffers = std::make_shared<Buffers>();
    long n = r.elements;
    float *x = buffers->allocate(n, 0), *w = reads == 2 ? buffers->allocate(n, 11) : x;
    float *y = buffers->allocate(n, 23), *z = writes == 2 ? buffers->allocate(n, 37) : y;
    peer::fill_normal(x, n, 1);
    if (reads == 2) peer::fill_normal(w, n, 2);
    memset(y, 0, n * sizeof(float));
    memset(z, 0, n * sizeof(float));

    std::vector<peer::Kernel> kernels;
    for (auto &[name, loop] : loops) {
        kernels.push_back({name + ", 1 thread", [buffers, loop = loop, x, w, y, z, n] { loop(y, z, x, w, n); }});
        if (team.size == 1) continue;
        long part = ((n + team.size - 1) / team.size + 1023) / 1024 * 1024;
        std::function<void(int)> work = [buffers, loop = loop, x, w, y, z, n, part](int index) {
            long from = std::min(n, index * part), to = std::min(n, from + part);
            loop(y + from, z + from, x + from, w + from, to - from);
        };
        kernels.push_back({name + ", " + std::to_string(team.size) + " threads", [work, &team] { team.run(work); }});
    }
    return kernels;
}

int main(int argc, char **argv) {
    Team team(peer::threads(argc, argv));
    bool wide = peer::option(argc, argv, "--instructions") != "avx2";
    return peer::serve("limit", "1", [&team, wide](const peer::Request &r) { return prepare(team, wide, r); });
}
