// Times oneDNN's batch and layer normalization on request: the protocol is in README.md.
// build: g++ -std=c++20 -O3 -march=native onednn_peer.cpp -o onednn_peer -ldnnl -fopenmp      (Debian: libdnnl-dev)
//
// Primitives, memory and argument maps exist before the clock starts: only execution is timed.
// Layouts: plain (nchw), blocked (nChw16c or nChw8c, the library's own for these instructions), channels-last
// (nhwc). ONEDNN_MAX_CPU_ISA=AVX2 keeps the library from wider vectors.
// The data already lies in the layout that is timed: no reorder is in the time.
#include "peer.hpp"
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <omp.h>

using namespace dnnl;
using Tag = memory::format_tag;
using Dims = memory::dims;

static const float epsilon = 1e-5f, momentum = 0.1f;
static const normalization_flags affine = normalization_flags::use_scale | normalization_flags::use_shift;

struct Onednn {
    engine cpu{engine::kind::cpu, 0};
    stream queue{cpu};

    memory vector(long n, float base, float spread) {
        memory m({{n}, memory::data_type::f32, Tag::a}, cpu);
        float *p = (float *)m.get_data_handle();
        for (long i = 0; i < n; i++) p[i] = base + spread * (float)(i % 101) / 101;
        return m;
    }
    memory normal(const memory::desc &layout, const Dims &dims, unsigned seed) {
        static const Tag plain[] = {Tag::undef, Tag::a, Tag::ab, Tag::abc, Tag::abcd, Tag::abcde};
        memory source({dims, memory::data_type::f32, plain[dims.size()]}, cpu), target(layout, cpu);
        long n = 1;
        for (auto d : dims) n *= d;
        peer::fill_normal((float *)source.get_data_handle(), n, seed);
        reorder(source, target).execute(queue, source, target);
        queue.wait();
        return target;
    }
};

static Tag tag_of(const std::string &layout, size_t rank) {
    if (layout == "plain") return rank == 4 ? Tag::nchw : Tag::ncdhw;
    if (layout == "channels-last") return rank == 4 ? Tag::nhwc : Tag::ndhwc;
    if (layout != "blocked") throw std::invalid_argument("no layout " + layout);
    const int wide = (int)cpu_isa::avx512_core;
    if (((int)get_effective_cpu_isa() & wide) == wide) return rank == 4 ? Tag::nChw16c : Tag::nCdhw16c;
    return rank == 4 ? Tag::nChw8c : Tag::nCdhw8c;
}

// The lambda keeps the memories alive through the argument map.
static std::vector<peer::Kernel> kernel(Onednn &o, primitive p, std::unordered_map<int, memory> args, const char *name) {
    return {{name, [&o, p, args] { p.execute(o.queue, args); o.queue.wait(); }}};
}

static std::vector<peer::Kernel> batch_norm(Onednn &o, const peer::Request &r, const Dims &dims, Tag tag) {
    memory::desc data(dims, memory::data_type::f32, tag);
    long c = dims[1];
    memory scale = o.vector(c, 0.5f, 1), shift = o.vector(c, 0, 1), mean = o.vector(c, 0, 0), variance = o.vector(c, 1, 0);
    memory src = o.normal(data, dims, 1), dst(data, o.cpu);
    std::unordered_map<int, memory> args{{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}, {DNNL_ARG_SCALE, scale},
                                         {DNNL_ARG_SHIFT, shift}, {DNNL_ARG_MEAN, mean}, {DNNL_ARG_VARIANCE, variance}};
    using Forward = batch_normalization_forward;
    const normalization_flags flags = r.has("-relu") ? affine | normalization_flags::fuse_norm_relu : affine;
    if (r.op == "batchnorm-eval") {
        Forward::primitive_desc pd({prop_kind::forward_inference, data, epsilon, affine | normalization_flags::use_global_stats}, o.cpu);
        return kernel(o, Forward(pd), args, pd.impl_info_str());
    }
    Forward::primitive_desc pd({prop_kind::forward_training, data, epsilon, flags}, o.cpu);
    Forward forward(pd);
    // Where the activation is fused, the backward pass needs to know what it let through.
    memory workspace(pd.workspace_desc(), o.cpu);
    if (r.has("-relu")) args.emplace(DNNL_ARG_WORKSPACE, workspace);
    if (!r.is_backward()) {
        // oneDNN leaves the running statistics to its caller.
        memory running_mean = o.vector(c, 0, 0), running_variance = o.vector(c, 1, 0);
        float unbiased = (float)((double)(r.elements / c) / std::max(1L, r.elements / c - 1));
        return {{pd.impl_info_str(), [=, &o] {
            forward.execute(o.queue, args);
            o.queue.wait();
            float *rm = (float *)running_mean.get_data_handle(), *rv = (float *)running_variance.get_data_handle();
            const float *m = (const float *)mean.get_data_handle(), *v = (const float *)variance.get_data_handle();
            for (long i = 0; i < c; i++) {
                rm[i] += momentum * (m[i] - rm[i]);
                rv[i] += momentum * (v[i] * unbiased - rv[i]);
            }
        }}};
    }
    forward.execute(o.queue, args);
    o.queue.wait();
    using Backward = batch_normalization_backward;
    Backward::primitive_desc backward({prop_kind::backward, data, data, epsilon, flags}, o.cpu, pd);
    memory diff_src(data, o.cpu);
    args.erase(DNNL_ARG_DST);
    args.insert({{DNNL_ARG_DIFF_DST, o.normal(data, dims, 2)}, {DNNL_ARG_DIFF_SRC, diff_src},
                 {DNNL_ARG_DIFF_SCALE, o.vector(c, 0, 0)}, {DNNL_ARG_DIFF_SHIFT, o.vector(c, 0, 0)}});
    return kernel(o, Backward(backward), args, backward.impl_info_str());
}

static std::vector<peer::Kernel> batch_norm(Onednn &o, const peer::Request &r) {
    Dims dims(r.dims.begin(), r.dims.end());
    if (dims.size() < 2 || dims.size() > 5) throw std::invalid_argument("batch normalization needs 2 to 5 dimensions");
    if (dims.size() == 2) {
        // The same memory, told as a table or as an image of one pixel: some versions are much faster with one of them.
        if (r.layout != "plain") throw std::invalid_argument("[N, C] has one layout only");
        auto kernels = batch_norm(o, r, dims, Tag::nc), image = batch_norm(o, r, {dims[0], dims[1], 1, 1}, Tag::nhwc);
        kernels.insert(kernels.end(), image.begin(), image.end());
        return kernels;
    }
    // [N, C, L] as [N, C, 1, L]: the same memory, and version 2.6 has only a slow kernel for three dimensions.
    if (dims.size() == 3) dims = {dims[0], dims[1], 1, dims[2]};
    return batch_norm(o, r, dims, tag_of(r.layout, dims.size()));
}

static std::vector<peer::Kernel> layer_norm(Onednn &o, const peer::Request &r) {
    if (r.layout != "plain") throw std::invalid_argument("layer normalization has one layout only");
    // oneDNN normalizes over the last dimension: the dimensions after the first become one.
    long rows = r.dims[0], width = r.elements / rows;
    Dims dims{rows, width};
    memory::desc data(dims, memory::data_type::f32, Tag::ab), statistics({rows}, memory::data_type::f32, Tag::a);
    memory scale = o.vector(width, 0.5f, 1), shift = o.vector(width, 0, 1), mean = o.vector(rows, 0, 0), variance = o.vector(rows, 1, 0);
    memory src = o.normal(data, dims, 1), dst(data, o.cpu);
    using Forward = layer_normalization_forward;
    Forward::primitive_desc pd({prop_kind::forward_training, data, statistics, epsilon, affine}, o.cpu);
    auto forward = kernel(o, Forward(pd),
                          {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}, {DNNL_ARG_SCALE, scale}, {DNNL_ARG_SHIFT, shift},
                           {DNNL_ARG_MEAN, mean}, {DNNL_ARG_VARIANCE, variance}}, pd.impl_info_str());
    if (r.op == "layernorm-forward") return forward;
    forward[0].call();
    using Backward = layer_normalization_backward;
    Backward::primitive_desc backward({prop_kind::backward, data, data, statistics, epsilon, affine}, o.cpu, pd);
    memory diff_src(data, o.cpu);
    return kernel(o, Backward(backward),
                  {{DNNL_ARG_SRC, src}, {DNNL_ARG_MEAN, mean}, {DNNL_ARG_VARIANCE, variance}, {DNNL_ARG_SCALE, scale},
                   {DNNL_ARG_SHIFT, shift}, {DNNL_ARG_DIFF_DST, o.normal(data, dims, 2)}, {DNNL_ARG_DIFF_SRC, diff_src},
                   {DNNL_ARG_DIFF_SCALE, o.vector(width, 0, 0)}, {DNNL_ARG_DIFF_SHIFT, o.vector(width, 0, 0)}},
                  backward.impl_info_str());
}

static std::vector<peer::Kernel> local_response(Onednn &o, const peer::Request &r) {
    Dims dims(r.dims.begin(), r.dims.end());
    if (dims.size() != 4) throw std::invalid_argument("local response normalization needs 4 dimensions");
    memory::desc data(dims, memory::data_type::f32, tag_of(r.layout, 4));
    memory src = o.normal(data, dims, 1), dst(data, o.cpu);
    const auto across = algorithm::lrn_across_channels;
    using Forward = lrn_forward;
    Forward::primitive_desc pd({prop_kind::forward_training, across, data, 5, 1e-4f, 0.75f, 1.0f}, o.cpu);
    memory workspace(pd.workspace_desc(), o.cpu);
    auto forward = kernel(o, Forward(pd), {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}, {DNNL_ARG_WORKSPACE, workspace}}, pd.impl_info_str());
    if (!r.is_backward()) return forward;
    forward[0].call();
    using Backward = lrn_backward;
    Backward::primitive_desc backward({across, data, data, 5, 1e-4f, 0.75f, 1.0f}, o.cpu, pd);
    memory diff_src(data, o.cpu);
    return kernel(o, Backward(backward),
                  {{DNNL_ARG_SRC, src}, {DNNL_ARG_DIFF_DST, o.normal(data, dims, 2)}, {DNNL_ARG_DIFF_SRC, diff_src},
                   {DNNL_ARG_WORKSPACE, workspace}}, backward.impl_info_str());
}

int main(int argc, char **argv) {
    omp_set_num_threads(peer::threads(argc, argv));
    Onednn o;
    const auto *v = dnnl_version();
    std::string version = std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
    return peer::serve("oneDNN", version, [&o](const peer::Request &r) {
        for (auto op : {"batchnorm-forward", "batchnorm-backward", "batchnorm-eval", "batchnorm-relu-forward", "batchnorm-relu-backward"})
            if (r.op == op) return batch_norm(o, r);
        if (r.op == "layernorm-forward" || r.op == "layernorm-backward") return layer_norm(o, r);
        if (r.op == "localresponse-forward" || r.op == "localresponse-backward") return local_response(o, r);
        throw std::invalid_argument("oneDNN 2.6 has batch normalization, with ReLU or without, layer and local response normalization only");
    });
}
