// Lucid's C++ optimizers (lucid/_C/optim/SGD.cpp of lucid-dl 3.0.0 to 3.15.5, CPU path), alone.
//
// The engine itself is built for Apple's processors only. SGD.cpp, SGD.h, Optimizer.h and
// _OptimDetail.h are taken from a wheel; what they need of the rest is below, and the other headers
// that they include are empty files.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#define LUCID_API

namespace mlx::core {
struct array {  // of the path that is not run
    template <class... Args> explicit array(Args...) {}
};
inline array add(array a, array) { return a; }
inline array subtract(array a, array) { return a; }
inline array multiply(array a, array) { return a; }
inline array copy(array a) { return a; }
}  // namespace mlx::core

namespace lucid {
enum class Dtype { F32, F64 };
enum class Device { CPU, GPU };
using Shape = std::vector<std::int64_t>;

struct CpuStorage {
    std::shared_ptr<std::byte[]> ptr;
    std::size_t nbytes = 0;
    Dtype dtype = Dtype::F64;
    void bump_version() {}
};
struct GpuStorage {
    std::shared_ptr<mlx::core::array> arr;
    void bump_version() {}
};
using Storage = std::variant<CpuStorage, GpuStorage>;
inline CpuStorage &storage_cpu(Storage &s) { return std::get<CpuStorage>(s); }
inline const CpuStorage &storage_cpu(const Storage &s) { return std::get<CpuStorage>(s); }
inline GpuStorage &storage_gpu(Storage &s) { return std::get<GpuStorage>(s); }
inline const GpuStorage &storage_gpu(const Storage &s) { return std::get<GpuStorage>(s); }
inline std::size_t dtype_size(Dtype dt) { return dt == Dtype::F32 ? 4 : 8; }

class TensorImpl {
public:
    TensorImpl(Storage s, Shape shape, Dtype dt) : storage_(s), shape_(shape), dtype_(dt) {}
    Device device() const { return Device::CPU; }
    Dtype dtype() const { return dtype_; }
    const Shape &shape() const { return shape_; }
    std::size_t numel() const { return std::size_t(shape_[0]); }
    Storage &mutable_storage() { return storage_; }
    const Storage &storage() const { return storage_; }

private:
    Storage storage_;
    Shape shape_;
    Dtype dtype_;
};

inline Storage zeros(std::size_t n, Dtype dt) {
    CpuStorage s;
    s.nbytes = n * dtype_size(dt);
    s.ptr.reset(new std::byte[s.nbytes]());
    s.dtype = dt;
    return s;
}
inline Storage make_zero_storage(const Shape &shape, Dtype dt, Device) {
    return zeros(std::size_t(shape[0]), dt);
}
inline std::shared_ptr<TensorImpl> clone_state_storage(const Storage &, const Shape &, Dtype, Device) {
    throw std::runtime_error("not needed");
}
inline void overwrite_state_storage(Storage &, const Storage &) {}

struct ErrorBuilder {
    explicit ErrorBuilder(const char *) {}
    template <class... Args> [[noreturn]] void fail(Args...) { throw std::invalid_argument("refused"); }
    template <class... Args> [[noreturn]] void not_implemented(Args...) { fail(); }
    template <class... Args> [[noreturn]] void invalid_argument(Args...) { fail(); }
};

namespace gpu {
inline int to_mlx_dtype(Dtype) { return 0; }
inline mlx::core::array mlx_scalar(double, int) { return mlx::core::array(0); }
inline GpuStorage wrap_mlx_array(mlx::core::array, Dtype) { return {}; }
}  // namespace gpu
}  // namespace lucid

// The average can be read in no other way: it is private, and not saved.
#define private public
#define protected public
#include "optim/SGD.cpp"

namespace {
using namespace lucid;

struct One {  // one parameter, and an optimizer of its own
    std::shared_ptr<TensorImpl> theta;
    std::unique_ptr<ASGD> optimizer;
};

Storage filled(const void *from, std::size_t n, Dtype dt) {
    Storage s = zeros(n, dt);
    std::memcpy(storage_cpu(s).ptr.get(), from, n * dtype_size(dt));
    return s;
}

void read(const Storage &from, void *into) {
    std::memcpy(into, storage_cpu(from).ptr.get(), storage_cpu(from).nbytes);
}
}  // namespace

extern "C" {
void *lucid_open(const void *theta, std::size_t n, int single, double lr, double lambd, double alpha,
                 double t0, double weight_decay) {
    const Dtype dt = single ? Dtype::F32 : Dtype::F64;
    auto *one = new One;
    one->theta = std::make_shared<TensorImpl>(filled(theta, n, dt), Shape{std::int64_t(n)}, dt);
    // The conversion of a t0 beyond all integers is undefined; Apple's processors take the largest.
    t0 = std::min(t0, 0x1p62);
    try {
        one->optimizer.reset(new ASGD({one->theta}, lr, 0.0, weight_decay, alpha, t0, lambd));
    } catch (const std::invalid_argument &) {
        delete one;
        return nullptr;
    }
    one->optimizer->init_state_slot(0, one->theta);
    return one;
}
void lucid_step(void *handle, const void *grad, void *theta, void *average) {
    auto *one = static_cast<One *>(handle);
    if (grad)
        one->optimizer->update_one(0, one->theta, filled(grad, one->theta->numel(), one->theta->dtype()));
    read(one->theta->storage(), theta);
    read(one->optimizer->ax_[0], average);
}
void lucid_lr(void *handle, double lr) { static_cast<One *>(handle)->optimizer->set_lr(lr); }
void lucid_close(void *handle) { delete static_cast<One *>(handle); }
}
