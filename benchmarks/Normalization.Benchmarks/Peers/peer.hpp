// What the C++ peers share: the protocol of README.md (one JSON object per line) and the clock.
// A driver supplies `prepare`, which makes the ways to run one case ready; with several, the fastest is reported.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace peer {

struct Request {
    std::string op, shape, layout;
    long groups = 0;
    double milliseconds = 150;
    std::vector<long> dims;
    long elements = 1;
    bool is_backward() const { return op.find("-backward") != std::string::npos; }
    bool has(const char *part) const { return op.find(part) != std::string::npos; }
};
struct Kernel { std::string name; std::function<void()> call; };
struct Case { std::vector<Kernel> kernels; long fastest = -1; };
using Prepare = std::function<std::vector<Kernel>(const Request &)>;
struct Timing { double median_us, min_us; long calls; };

inline double now_us() {
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline Timing measure(const std::function<void()> &call, double milliseconds) {
    double start = now_us();
    long warm = 0;
    while (warm < 1 || now_us() - start < 5e3) { call(); warm++; }
    long inner = 1 + (long)(20 * warm / (now_us() - start));
    std::vector<double> samples;
    for (double end = now_us() + milliseconds * 1e3; samples.size() < 3 || now_us() < end;) {
        double begin = now_us();
        for (long i = 0; i < inner; i++) call();
        samples.push_back((now_us() - begin) / inner);
    }
    std::sort(samples.begin(), samples.end());
    size_t n = samples.size();
    return { (samples[(n - 1) / 2] + samples[n / 2]) / 2, samples[0], (long)n * inner };
}

// The value of a field of a flat JSON object whose strings hold no escapes, as text; empty when absent.
inline std::string field(const std::string &json, const std::string &name) {
    size_t at = json.find("\"" + name + "\"");
    if (at == std::string::npos || (at = json.find(':', at)) == std::string::npos) return "";
    at = json.find_first_not_of(" \t", at + 1);
    if (at == std::string::npos) return "";
    if (json[at] == '"') return json.substr(at + 1, json.find('"', at + 1) - at - 1);
    return json.substr(at, json.find_first_of(",} \t\r", at) - at);
}

inline Request parse(const std::string &line) {
    Request r;
    r.op = field(line, "op"); r.shape = field(line, "shape"); r.layout = field(line, "layout");
    if (r.layout.empty()) r.layout = "plain";
    std::string groups = field(line, "groups"), ms = field(line, "milliseconds");
    if (!groups.empty()) r.groups = std::stol(groups);
    if (!ms.empty()) r.milliseconds = std::stod(ms);
    for (size_t at = 0; at < r.shape.size();) {
        size_t end = std::min(r.shape.find('x', at), r.shape.size());
        r.dims.push_back(std::stol(r.shape.substr(at, end - at)));
        r.elements *= r.dims.back();
        at = end + 1;
    }
    return r;
}

// The same numbers again and again: to draw all of a large tensor takes longer than to time it. The period is a prime, so no two rows
// of a table are the same.
inline void fill_normal(float *x, long n, unsigned seed) {
    const long period = 65537;
    std::minstd_rand generator(seed);
    std::normal_distribution<float> normal;
    for (long i = 0; i < std::min(n, period); i++) x[i] = normal(generator);
    for (long i = period; i < n; i += period) memcpy(x + i, x, std::min(period, n - i) * sizeof(float));
}

inline std::string option(int argc, char **argv, const char *name) {
    for (int i = 1; i + 1 < argc; i++)
        if (std::string(argv[i]) == name) return argv[i + 1];
    return "";
}
inline int threads(int argc, char **argv) { return std::max(1, atoi(option(argc, argv, "--threads").c_str())); }

// The way that is timed is chosen in the first round: the one with the least time of a call.
inline std::string answer(const Request &r, Case &c) {
    double least = 0;
    bool chosen = c.fastest >= 0;
    for (size_t k = 0; !chosen && k < c.kernels.size(); k++) {
        double us = c.kernels.size() == 1 ? 0 : measure(c.kernels[k].call, r.milliseconds / 2).min_us;
        if (k == 0 || us < least) { least = us; c.fastest = k; }
    }
    Kernel &kernel = c.kernels[c.fastest];
    Timing t = measure(kernel.call, r.milliseconds);
    char text[256];
    snprintf(text, sizeof text, "\"kernel\":\"%s\",\"median_us\":%.4f,\"min_us\":%.4f,\"calls\":%ld",
             kernel.name.c_str(), t.median_us, t.min_us, t.calls);
    return text;
}

inline int serve(const char *library, const std::string &version, const Prepare &prepare) {
    const double cache_bytes = 2.0 * (1 << 30);
    std::map<std::string, Case> cases;
    double held = 0;
    std::cout << "{\"ready\":true,\"library\":\"" << library << "\",\"version\":\"" << version << "\"}" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        if (line.find('{') == std::string::npos) continue;
        if (field(line, "op") == "forget") {
            cases.clear(); held = 0;
            std::cout << "{\"op\":\"forget\"}" << std::endl;
            continue;
        }
        Request r = parse(line);
        std::string key = r.op + ' ' + r.shape + ' ' + std::to_string(r.groups) + ' ' + r.layout, result;
        try {
            auto found = cases.find(key);
            if (found == cases.end()) {
                if (held + 16.0 * r.elements > cache_bytes) { cases.clear(); held = 0; }
                found = cases.emplace(key, Case{prepare(r)}).first;
                held += 16.0 * r.elements;
            }
            result = answer(r, found->second);
        } catch (const std::exception &e) {
            std::string reason = e.what();
            for (char &c : reason) if (c == '"' || c == '\\' || c == '\n') c = ' ';
            result = "\"unsupported\":\"" + reason + "\"";
        }
        // Helper threads spin for some milliseconds: let them sleep before another peer is timed.
        std::this_thread::sleep_for(std::chrono::milliseconds(40));
        std::cout << "{\"op\":\"" << r.op << "\",\"shape\":\"" << r.shape << "\",\"layout\":\"" << r.layout << "\"," << result << "}" << std::endl;
    }
    return 0;
}

}
