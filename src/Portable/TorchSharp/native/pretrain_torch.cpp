// The native part of the portable TorchSharp: a plain C interface over the libtorch of this machine.
//
// Operators are called *boxed* through libtorch's dispatcher, so there is no C++ per operator: pt_find looks one up by
// name and overload, pt_call pushes the arguments, fills missing trailing ones with the schema's defaults, and hands the
// results back. Everything else here is what the dispatcher does not offer: tensor references and metadata, memory from
// outside, autograd, generators, modes, threads, files.
//
// Conventions: a tensor is a TensorImpl*; arguments are borrowed, results carry one reference that the caller releases.
// A function that can fail returns a negative number or null, and pt_error() then holds the message of this thread.
//
// Builds with libtorch 1.13 up to 2.14 (C++17; C++20 where libtorch's headers ask for it). The one place that differs by
// version is marked VERSION.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/record_function.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/api/include/torch/cuda.h>
#include <torch/csrc/api/include/torch/serialize.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/version.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define PT_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using at::Tensor;
using at::TensorImpl;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// One argument or result. The tags are those of TorchSharp/Interop/Value.cs.
struct Value {
  int32_t tag;
  int32_t aux;  // the length of a list or a string, the index of a device
  int64_t payload;
};

enum Tag : int32_t {
  kNone = 0, kTensor = 1, kInt = 2, kDouble = 3, kBool = 4, kIntList = 5, kDoubleList = 6, kBoolList = 7,
  kTensorList = 8, kOptionalTensorList = 9, kString = 10, kDevice = 11, kGenerator = 12, kDefault = 13, kComplex = 14,
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<c10::IValue> defaults;  // one per argument; None where the schema has no default
  std::vector<bool> has_default;
  std::vector<bool> is_float;         // the argument takes a float, so an integer is converted
  std::string name;
};

thread_local std::string last_error;

template <typename F, typename R>
R guarded(R failure, F&& body) noexcept {
  try {
    return body();
  } catch (const c10::Error& e) {
    last_error = e.what_without_backtrace();
  } catch (const std::exception& e) {
    last_error = e.what();
  } catch (...) {
    last_error = "an unknown error in libtorch";
  }
  return failure;
}

Tensor borrow(TensorImpl* impl) {
  return impl == nullptr
      ? Tensor()
      : Tensor(c10::intrusive_ptr<TensorImpl, at::UndefinedTensorImpl>::reclaim_copy(impl));
}

TensorImpl* give(Tensor t) {
  return t.defined() ? t.unsafeReleaseTensorImpl() : nullptr;
}

at::Generator borrow_generator(int64_t impl) {
  return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::reclaim_copy(reinterpret_cast<c10::GeneratorImpl*>(impl)));
}

variable_list borrow_all(TensorImpl** impls, int64_t count) {
  variable_list list;
  list.reserve(count);
  for (int64_t i = 0; i < count; i++) list.push_back(borrow(impls[i]));
  return list;
}

double as_double(int64_t payload) {
  double d;
  std::memcpy(&d, &payload, sizeof d);
  return d;
}

void push(torch::jit::Stack& stack, const Value& v, const Operator& op, size_t index) {
  switch (v.tag) {
    case kNone: stack.emplace_back(); return;
    case kTensor: stack.emplace_back(borrow(reinterpret_cast<TensorImpl*>(v.payload))); return;
    case kInt:
      if (op.is_float[index]) stack.emplace_back(static_cast<double>(v.payload));
      else stack.emplace_back(v.payload);
      return;
    case kDouble: stack.emplace_back(as_double(v.payload)); return;
    case kBool: stack.emplace_back(v.payload != 0); return;
    case kIntList: stack.emplace_back(at::IntArrayRef(reinterpret_cast<int64_t*>(v.payload), v.aux)); return;
    case kDoubleList: stack.emplace_back(at::ArrayRef<double>(reinterpret_cast<double*>(v.payload), v.aux)); return;
    case kBoolList: {
      c10::List<bool> list;
      for (int32_t i = 0; i < v.aux; i++) list.push_back(reinterpret_cast<uint8_t*>(v.payload)[i] != 0);
      stack.emplace_back(std::move(list));
      return;
    }
    case kTensorList: {
      c10::List<Tensor> list;
      list.reserve(v.aux);
      for (int32_t i = 0; i < v.aux; i++) list.push_back(borrow(reinterpret_cast<TensorImpl**>(v.payload)[i]));
      stack.emplace_back(std::move(list));
      return;
    }
    case kOptionalTensorList: {
      c10::List<c10::optional<Tensor>> list;
      list.reserve(v.aux);
      for (int32_t i = 0; i < v.aux; i++) {
        TensorImpl* impl = reinterpret_cast<TensorImpl**>(v.payload)[i];
        list.push_back(impl == nullptr ? c10::optional<Tensor>() : c10::optional<Tensor>(borrow(impl)));
      }
      stack.emplace_back(std::move(list));
      return;
    }
    case kString: stack.emplace_back(std::string(reinterpret_cast<char*>(v.payload), v.aux)); return;
    case kDevice:
      stack.emplace_back(c10::Device(static_cast<c10::DeviceType>(v.payload), static_cast<c10::DeviceIndex>(v.aux)));
      return;
    case kGenerator: stack.emplace_back(borrow_generator(v.payload)); return;
    case kComplex: {
      const double* parts = reinterpret_cast<double*>(v.payload);
      stack.emplace_back(c10::complex<double>(parts[0], parts[1]));
      return;
    }
    case kDefault:
      TORCH_CHECK(op.has_default[index], op.name, ": argument ", index, " has no default");
      stack.push_back(op.defaults[index]);
      return;
    default: TORCH_CHECK(false, "unknown argument tag ", v.tag);
  }
}

Value pop(c10::IValue&& v) {
  Value out{kNone, 0, 0};
  if (v.isTensor()) {
    out.tag = kTensor;
    out.payload = reinterpret_cast<int64_t>(give(std::move(v).toTensor()));
  } else if (v.isTensorList()) {
    auto list = std::move(v).toTensorVector();
    auto** impls = static_cast<TensorImpl**>(std::malloc(sizeof(TensorImpl*) * (list.size() + 1)));
    for (size_t i = 0; i < list.size(); i++) impls[i] = give(std::move(list[i]));
    out = {kTensorList, static_cast<int32_t>(list.size()), reinterpret_cast<int64_t>(impls)};
  } else if (v.isInt()) {
    out = {kInt, 0, v.toInt()};
  } else if (v.isBool()) {
    out = {kBool, 0, v.toBool()};
  } else if (v.isDouble()) {
    double d = v.toDouble();
    out.tag = kDouble;
    std::memcpy(&out.payload, &d, sizeof d);
  } else {
    TORCH_CHECK(v.isNone(), "a result of kind ", v.tagKind(), " is not supported");
  }
  return out;
}

}  // namespace

// ---- errors and versions ------------------------------------------------------------------------------------------

PT_EXPORT const char* pt_error() { return last_error.c_str(); }

PT_EXPORT const char* pt_version() { return TORCH_VERSION; }

PT_EXPORT void pt_free(void* memory) { std::free(memory); }

// ---- the dispatcher -----------------------------------------------------------------------------------------------

// Null where this libtorch has no such operator.
PT_EXPORT Operator* pt_find(const char* name, const char* overload) {
  return guarded(static_cast<Operator*>(nullptr), [&]() -> Operator* {
    auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle) {
      last_error = std::string("libtorch " TORCH_VERSION " has no operator ") + name + (*overload ? "." : "") + overload;
      return nullptr;
    }
    auto op = std::make_unique<Operator>(Operator{*handle, {}, {}, {}, name});
    for (const auto& argument : handle->schema().arguments()) {
      const bool given = argument.default_value().has_value();
      op->has_default.push_back(given);
      op->defaults.push_back(given ? *argument.default_value() : c10::IValue());
      auto type = argument.type();
      if (auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
      op->is_float.push_back(type->kind() == c10::TypeKind::FloatType);
    }
    return op.release();
  });
}

// The number of results, or -1.
PT_EXPORT int32_t pt_call(const Operator* op, const Value* args, int32_t count, Value* results, int32_t capacity) {
  thread_local torch::jit::Stack stack;  // calls nest (a backward pass calls back), so each works above its own base
  const size_t base = stack.size();
  const int32_t done = guarded(-1, [&]() -> int32_t {
    const size_t total = op->defaults.size();
    TORCH_CHECK(static_cast<size_t>(count) <= total, op->name, " takes ", total, " arguments, not ", count);
    for (int32_t i = 0; i < count; i++) push(stack, args[i], *op, i);
    for (size_t i = count; i < total; i++) {
      TORCH_CHECK(op->has_default[i], op->name, ": argument ", i, " is missing");
      stack.push_back(op->defaults[i]);
    }
    op->handle.callBoxed(&stack);
    const int32_t returned = static_cast<int32_t>(stack.size() - base);
    TORCH_CHECK(returned <= capacity, op->name, " returned ", returned, " results, more than the ", capacity, " asked for");
    for (int32_t i = 0; i < returned; i++) results[i] = pop(std::move(stack[base + i]));
    return returned;
  });
  stack.resize(base);
  return done;
}

// ---- tensors: references and metadata -----------------------------------------------------------------------------

PT_EXPORT void pt_retain(TensorImpl* t) { c10::raw::intrusive_ptr::incref(t); }

// The destructor may run a whole graph's; it never throws.
PT_EXPORT void pt_release(TensorImpl* t) { c10::raw::intrusive_ptr::decref(t); }

PT_EXPORT int64_t pt_dim(TensorImpl* t) { return t->dim(); }
PT_EXPORT int64_t pt_numel(TensorImpl* t) { return t->numel(); }
PT_EXPORT int32_t pt_dtype(TensorImpl* t) { return static_cast<int32_t>(c10::typeMetaToScalarType(t->dtype())); }
PT_EXPORT int64_t pt_itemsize(TensorImpl* t) { return static_cast<int64_t>(t->itemsize()); }
PT_EXPORT int32_t pt_device(TensorImpl* t, int32_t* index) {
  const auto device = t->device();
  *index = device.index();
  return static_cast<int32_t>(device.type());
}
PT_EXPORT void pt_sizes(TensorImpl* t, int64_t* sizes) {
  const auto s = t->sizes();
  std::memcpy(sizes, s.data(), s.size() * sizeof(int64_t));
}
PT_EXPORT void pt_strides(TensorImpl* t, int64_t* strides) {
  const auto s = t->strides();
  std::memcpy(strides, s.data(), s.size() * sizeof(int64_t));
}
PT_EXPORT int32_t pt_is_contiguous(TensorImpl* t) { return t->is_contiguous(); }
PT_EXPORT int32_t pt_is_sparse(TensorImpl* t) { return t->is_sparse(); }
// Whether the elements are the conjugates or the negatives of those in memory (conj, and imag of it, only note it).
PT_EXPORT int32_t pt_is_lazy(TensorImpl* t) { return t->is_conj() || t->is_neg(); }
PT_EXPORT int64_t pt_storage_offset(TensorImpl* t) { return t->has_storage() ? t->storage_offset() : 0; }
PT_EXPORT int64_t pt_storage_bytes(TensorImpl* t) { return t->has_storage() ? static_cast<int64_t>(t->storage().nbytes()) : 0; }
// The address of the storage's first byte, and of the tensor's first element; null where there is no memory.
PT_EXPORT void* pt_storage_data(TensorImpl* t) {
  return t->has_storage() ? const_cast<void*>(static_cast<const void*>(t->storage().data())) : nullptr;
}
PT_EXPORT void* pt_data(TensorImpl* t) {
  return guarded(static_cast<void*>(nullptr), [&] { return const_cast<void*>(static_cast<const void*>(t->data())); });
}

// ---- tensors: from memory -----------------------------------------------------------------------------------------

// A tensor over memory that stays the caller's until release(context) is called.
PT_EXPORT TensorImpl* pt_from_blob(void* data, const int64_t* sizes, const int64_t* strides, int32_t dims, int32_t dtype,
                                   void (*release)(void*), void* context) {
  return guarded(static_cast<TensorImpl*>(nullptr), [&] {
    const auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
    const at::IntArrayRef shape(sizes, dims);
    auto deleter = [release, context](void*) { if (release) release(context); };
    return give(strides ? at::from_blob(data, shape, at::IntArrayRef(strides, dims), deleter, options)
                        : at::from_blob(data, shape, deleter, options));
  });
}

// ---- autograd -----------------------------------------------------------------------------------------------------

PT_EXPORT int32_t pt_requires_grad(TensorImpl* t) { return t->requires_grad(); }
PT_EXPORT int32_t pt_set_requires_grad(TensorImpl* t, int32_t on) {
  return guarded(-1, [&] { borrow(t).requires_grad_(on != 0); return 0; });
}
PT_EXPORT int32_t pt_is_leaf(TensorImpl* t) { return borrow(t).is_leaf(); }
PT_EXPORT int32_t pt_retain_grad(TensorImpl* t) {
  return guarded(-1, [&] { borrow(t).retain_grad(); return 0; });
}
PT_EXPORT int32_t pt_get_grad(TensorImpl* t, TensorImpl** grad) {
  return guarded(-1, [&] { *grad = give(borrow(t).mutable_grad()); return 0; });
}
PT_EXPORT int32_t pt_set_grad(TensorImpl* t, TensorImpl* grad) {
  return guarded(-1, [&] {
    const Tensor self = borrow(t);
    const Tensor g = borrow(grad);
    TORCH_CHECK(!g.defined() || g.sizes() == self.sizes(), "the gradient has shape ", g.sizes(), ", the tensor ", self.sizes());
    TORCH_CHECK(!g.defined() || g.dtype() == self.dtype(), "the gradient has type ", g.dtype(), ", the tensor ", self.dtype());
    TORCH_CHECK(!g.defined() || g.device() == self.device(), "the gradient is on ", g.device(), ", the tensor on ", self.device());
    self.mutable_grad() = g;
    return 0;
  });
}

PT_EXPORT int32_t pt_backward(TensorImpl** tensors, int32_t count, TensorImpl** grads, int32_t grad_count, int32_t retain_graph,
                              int32_t create_graph, TensorImpl** inputs, int32_t input_count) {
  return guarded(-1, [&] {
    torch::autograd::backward(borrow_all(tensors, count), borrow_all(grads, grad_count),
                              retain_graph < 0 ? c10::nullopt : c10::optional<bool>(retain_graph != 0), create_graph != 0,
                              borrow_all(inputs, input_count));
    return 0;
  });
}

PT_EXPORT int32_t pt_grad(TensorImpl** outputs, int32_t count, TensorImpl** inputs, int32_t input_count, TensorImpl** grads,
                          int32_t grad_count, int32_t retain_graph, int32_t create_graph, int32_t allow_unused, TensorImpl** results) {
  return guarded(-1, [&] {
    auto list = torch::autograd::grad(borrow_all(outputs, count), borrow_all(inputs, input_count), borrow_all(grads, grad_count),
                                      retain_graph < 0 ? c10::nullopt : c10::optional<bool>(retain_graph != 0), create_graph != 0,
                                      allow_unused != 0);
    for (size_t i = 0; i < list.size(); i++) results[i] = give(list[i]);
    return 0;
  });
}

PT_EXPORT int32_t pt_grad_enabled() { return at::GradMode::is_enabled(); }
PT_EXPORT void pt_set_grad_enabled(int32_t on) { at::GradMode::set_enabled(on != 0); }
PT_EXPORT int32_t pt_inference_enabled() { return c10::InferenceMode::is_enabled(); }
PT_EXPORT void* pt_inference_enter(int32_t on) { return new c10::InferenceMode(on != 0); }
PT_EXPORT void pt_inference_leave(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }
PT_EXPORT void pt_set_anomaly(int32_t on, int32_t check_nan) { torch::autograd::AnomalyMode::set_enabled(on != 0, check_nan != 0); }
PT_EXPORT int32_t pt_anomaly_enabled() { return torch::autograd::AnomalyMode::is_enabled(); }
PT_EXPORT int32_t pt_anomaly_checks_nan() { return torch::autograd::AnomalyMode::should_check_nan(); }

// ---- autograd functions written in C# -----------------------------------------------------------------------------

namespace {

// VERSION: the C++ interface of the graph. What this libtorch has is read from its headers, not from its number.
//
// A node is shared through std::shared_ptr; in newer versions it counts its references itself.
template <typename N, bool Counted = std::is_base_of_v<c10::intrusive_ptr_target, N>>
struct GraphNode : N {
  template <typename T>
  using Pointer = std::shared_ptr<T>;
  template <typename T, typename... Args>
  static Pointer<T> make(Args&&... args) {
    return Pointer<T>(new T(std::forward<Args>(args)...), [](T* node) { deleteNode(node); });
  }
  Pointer<N> self() { return this->shared_from_this(); }
  virtual void let_go() = 0;
};

template <typename N>
struct GraphNode<N, true> : N {
  template <typename T>
  using Pointer = c10::intrusive_ptr<T>;
  template <typename T, typename... Args>
  static Pointer<T> make(Args&&... args) {
    return c10::make_intrusive<T>(std::forward<Args>(args)...);
  }
  Pointer<N> self() { return Pointer<N>::reclaim_copy(this); }
  virtual void let_go() = 0;
  // The last owner is gone, while a saved output may still refer back weakly: without this it would live for ever.
  void release_resources() override {
    N::release_resources();
    let_go();
  }
};

// Calls _wrap_outputs, whose parameters have grown in number, with as many of the arguments as it takes.
template <typename Indices, typename Tuple, typename = void>
struct WrapTakes : std::false_type {};
template <size_t... I, typename Tuple>
struct WrapTakes<std::index_sequence<I...>, Tuple,
                 std::void_t<decltype(torch::autograd::_wrap_outputs(std::get<I>(std::declval<Tuple&>())...))>> : std::true_type {};

template <typename Tuple, size_t... I>
auto wrap_first(Tuple& args, std::index_sequence<I...>) {
  return torch::autograd::_wrap_outputs(std::get<I>(args)...);
}

template <size_t Count, typename Tuple>
auto wrap_with(Tuple args) {
  static_assert(Count > 0, "this libtorch's _wrap_outputs takes other parameters than 1.13 up to 2.14 do");
  if constexpr (WrapTakes<std::make_index_sequence<Count>, Tuple>::value) {
    return wrap_first(args, std::make_index_sequence<Count>());
  } else {
    return wrap_with<Count - 1>(args);
  }
}
// VERSION ends.

// Computes a function's input gradients (count_in borrowed gradients, null where undefined → count_out owned ones). Returns
// null, or a message that pt_free releases.
using ApplyCallback = char* (*)(void* context, TensorImpl** in, int32_t count_in, TensorImpl** out, int32_t count_out);
using ReleaseCallback = void (*)(void* context);

struct CSharpNode : GraphNode<torch::autograd::Node> {
  CSharpNode(void* context, ApplyCallback apply, ReleaseCallback release, std::string label)
      : context_(context), apply_(apply), release_(release), label_(std::move(label)) {}
  ~CSharpNode() override { let_go(); }

  void let_go() final {
    saved.clear();
    if (context_ != nullptr) release_(std::exchange(context_, nullptr));
  }

  variable_list apply(variable_list&& grads) override {
    std::vector<TensorImpl*> in;
    in.reserve(grads.size());
    for (const auto& g : grads) in.push_back(g.defined() ? g.unsafeGetTensorImpl() : nullptr);
    std::vector<TensorImpl*> out(num_outputs(), nullptr);
    char* message = apply_(context_, in.data(), static_cast<int32_t>(in.size()), out.data(), static_cast<int32_t>(out.size()));
    variable_list result;
    result.reserve(out.size());
    for (TensorImpl* impl : out)
      result.push_back(impl ? Tensor(c10::intrusive_ptr<TensorImpl, at::UndefinedTensorImpl>::reclaim(impl)) : Tensor());
    if (message != nullptr) {
      std::string text = message;
      std::free(message);
      throw std::runtime_error(text);
    }
    return result;
  }

  void release_variables() override { saved.clear(); released = true; }
  std::string name() const override { return label_; }

  std::vector<torch::autograd::SavedVariable> saved;
  bool released = false;

 private:
  void* context_;
  ApplyCallback apply_;
  ReleaseCallback release_;
  std::string label_;
};

using NodePointer = CSharpNode::Pointer<CSharpNode>;
using BasePointer = CSharpNode::Pointer<torch::autograd::Node>;

variable_list wrap_outputs(const variable_list& inputs, const std::unordered_set<TensorImpl*>& constant,
                           const std::unordered_set<TensorImpl*>& dirty, std::vector<c10::optional<Variable>>& outputs,
                           const BasePointer& node) {
  torch::autograd::_jvp_fn_t forward_mode = [](variable_list, variable_list) -> variable_list {
    TORCH_CHECK(false, "forward-mode differentiation of a C# function is not supported");
  };
  const std::unordered_set<TensorImpl*> saved_in_setup;
  const std::function<Tensor(Tensor)> view_as_self = [](const Tensor& t) { return t.view_as(t); };
  const bool pure_view = false;
  BasePointer attached;
  const auto args = std::tie(inputs, constant, dirty, outputs, node, forward_mode, saved_in_setup, view_as_self, pure_view, attached);
  auto wrapped = wrap_with<std::tuple_size_v<decltype(args)>>(args);
  variable_list list;
  list.reserve(wrapped.size());
  for (auto& t : wrapped) list.push_back(t.has_value() ? *t : Tensor());
  return list;
}

}  // namespace

// A node over the tensor inputs of a function; null with an empty error where no input requires a gradient.
PT_EXPORT NodePointer* pt_node_new(void* context, ApplyCallback apply, ReleaseCallback release, const char* label,
                                   TensorImpl** inputs, int32_t count) {
  return guarded(static_cast<NodePointer*>(nullptr), [&]() -> NodePointer* {
    last_error.clear();
    const auto list = borrow_all(inputs, count);
    if (!at::GradMode::is_enabled() || !torch::autograd::any_variable_requires_grad(list)) return nullptr;
    // All that may fail comes before the node, whose end releases the context: without a node that is the caller's to do.
    auto edges = torch::autograd::collect_next_edges(list);
    auto pointer = std::make_unique<NodePointer>();
    *pointer = CSharpNode::make<CSharpNode>(context, apply, release, label);
    (*pointer)->set_next_edges(std::move(edges));
    return pointer.release();
  });
}

PT_EXPORT void pt_node_release(NodePointer* node) { delete node; }

// The address of the node itself: valid while the graph holds it, which is whenever it is being applied.
PT_EXPORT CSharpNode* pt_node_get(NodePointer* node) { return node->get(); }

// Makes the outputs part of the graph; a null node detaches them from it.
PT_EXPORT int32_t pt_node_wrap(NodePointer* node, TensorImpl** inputs, int32_t input_count, TensorImpl** constant, int32_t constant_count,
                               TensorImpl** dirty, int32_t dirty_count, TensorImpl** outputs, int32_t output_count, TensorImpl** results) {
  return guarded(-1, [&] {
    std::vector<c10::optional<Variable>> raw;
    for (int32_t i = 0; i < output_count; i++)
      raw.push_back(outputs[i] ? c10::optional<Variable>(borrow(outputs[i])) : c10::optional<Variable>());
    for (int32_t i = 0; i < dirty_count; i++) borrow(dirty[i]).unsafeGetTensorImpl()->bump_version();
    auto list = wrap_outputs(borrow_all(inputs, input_count), {constant, constant + constant_count}, {dirty, dirty + dirty_count}, raw,
                             node ? BasePointer(*node) : BasePointer());
    for (size_t i = 0; i < list.size(); i++) results[i] = give(list[i]);
    return 0;
  });
}

// Keeps tensors for the backward pass; outputs are those that pt_node_wrap gave.
PT_EXPORT int32_t pt_node_save(NodePointer* node, TensorImpl** tensors, int32_t count) {
  return guarded(-1, [&] {
    auto& saved = (*node)->saved;
    saved.clear();
    for (int32_t i = 0; i < count; i++) {
      const Tensor t = borrow(tensors[i]);
      const bool is_output = t.defined() && t.grad_fn().get() == node->get();
      saved.emplace_back(t, is_output);
    }
    return 0;
  });
}

PT_EXPORT int32_t pt_node_saved_count(CSharpNode* node) { return static_cast<int32_t>(node->saved.size()); }

PT_EXPORT int32_t pt_node_saved(CSharpNode* node, TensorImpl** results) {
  return guarded(-1, [&] {
    TORCH_CHECK(!node->released,
                "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
                "freed). Specify retain_graph=true if you need to backward through the graph a second time.");
    const auto self = node->self();
    variable_list unpacked;
    unpacked.reserve(node->saved.size());
    for (const auto& variable : node->saved) unpacked.push_back(variable.unpack(self));
    for (size_t i = 0; i < unpacked.size(); i++) results[i] = give(unpacked[i]);
    return 0;
  });
}

// ---- random streams -----------------------------------------------------------------------------------------------

PT_EXPORT c10::GeneratorImpl* pt_generator_default(int32_t device, int32_t index) {
  return guarded(static_cast<c10::GeneratorImpl*>(nullptr), [&] {
    at::Generator g = at::globalContext().defaultGenerator(
        c10::Device(static_cast<c10::DeviceType>(device), static_cast<c10::DeviceIndex>(index)));
    auto* impl = g.unsafeGetGeneratorImpl();
    c10::raw::intrusive_ptr::incref(impl);
    return impl;
  });
}

PT_EXPORT c10::GeneratorImpl* pt_generator_clone(c10::GeneratorImpl* g) {
  return guarded(static_cast<c10::GeneratorImpl*>(nullptr), [&] {
    at::Generator copy = borrow_generator(reinterpret_cast<int64_t>(g)).clone();
    auto* impl = copy.unsafeGetGeneratorImpl();
    c10::raw::intrusive_ptr::incref(impl);
    return impl;
  });
}

PT_EXPORT void pt_generator_release(c10::GeneratorImpl* g) { c10::raw::intrusive_ptr::decref(g); }
PT_EXPORT int32_t pt_generator_set_seed(c10::GeneratorImpl* g, int64_t seed) {
  return guarded(-1, [&] { g->set_current_seed(static_cast<uint64_t>(seed)); return 0; });
}
PT_EXPORT int64_t pt_generator_get_seed(c10::GeneratorImpl* g) { return static_cast<int64_t>(g->current_seed()); }
PT_EXPORT int64_t pt_generator_new_seed(c10::GeneratorImpl* g) { return static_cast<int64_t>(g->seed()); }
PT_EXPORT TensorImpl* pt_generator_get_state(c10::GeneratorImpl* g) {
  return guarded(static_cast<TensorImpl*>(nullptr),
                 [&] { return give(borrow_generator(reinterpret_cast<int64_t>(g)).get_state()); });
}
PT_EXPORT int32_t pt_generator_set_state(c10::GeneratorImpl* g, TensorImpl* state) {
  return guarded(-1, [&] { borrow_generator(reinterpret_cast<int64_t>(g)).set_state(borrow(state)); return 0; });
}
PT_EXPORT int32_t pt_generator_device(c10::GeneratorImpl* g, int32_t* index) {
  *index = g->device().index();
  return static_cast<int32_t>(g->device().type());
}
// Seeds the default generators of the CPU and of every CUDA device.
PT_EXPORT int32_t pt_manual_seed(int64_t seed) { return guarded(-1, [&] { at::manual_seed(static_cast<uint64_t>(seed)); return 0; }); }

// ---- threads and devices ------------------------------------------------------------------------------------------

PT_EXPORT int32_t pt_get_threads() { return at::get_num_threads(); }
PT_EXPORT int32_t pt_set_threads(int32_t count) { return guarded(-1, [&] { at::set_num_threads(count); return 0; }); }
PT_EXPORT int32_t pt_get_interop_threads() { return at::get_num_interop_threads(); }
PT_EXPORT int32_t pt_set_interop_threads(int32_t count) { return guarded(-1, [&] { at::set_num_interop_threads(count); return 0; }); }

// Calls body(context, i) for every i below count, on the threads that the operators use. A thread takes the next i when it has done one: on a
// machine that is shared, one may be much slower than another.
PT_EXPORT int32_t pt_parallel_for(int64_t count, void (*body)(void*, int64_t), void* context) {
  return guarded(-1, [&] {
    std::atomic<int64_t> next{0};
    at::parallel_for(0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t, int64_t) {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(context, i);
    });
    return 0;
  });
}

PT_EXPORT int32_t pt_cuda_count() { return guarded(0, [&] { return static_cast<int32_t>(torch::cuda::device_count()); }); }
PT_EXPORT int32_t pt_cuda_built() { return at::globalContext().hasCUDA(); }
PT_EXPORT int32_t pt_cudnn_available() { return guarded(0, [&] { return static_cast<int32_t>(torch::cuda::cudnn_is_available()); }); }
PT_EXPORT int32_t pt_cuda_synchronize(int64_t device) { return guarded(-1, [&] { torch::cuda::synchronize(device); return 0; }); }
PT_EXPORT int32_t pt_get_tf32(int32_t cudnn) { return cudnn ? at::globalContext().allowTF32CuDNN() : at::globalContext().allowTF32CuBLAS(); }
PT_EXPORT int32_t pt_set_tf32(int32_t cudnn, int32_t on) {
  return guarded(-1, [&] {
    if (cudnn) at::globalContext().setAllowTF32CuDNN(on != 0);
    else at::globalContext().setAllowTF32CuBLAS(on != 0);
    return 0;
  });
}
PT_EXPORT int32_t pt_get_deterministic() { return at::globalContext().deterministicAlgorithms(); }
PT_EXPORT int32_t pt_set_deterministic(int32_t on, int32_t warn_only) {
  return guarded(-1, [&] { at::globalContext().setDeterministicAlgorithms(on != 0, warn_only != 0); return 0; });
}

// ---- the processor's matrix unit (AMX: Intel SDM, volume 1, chapter 18) ----------------------------------------------

#if defined(__x86_64__) && defined(__linux__) && (__GNUC__ >= 11 || __clang_major__ >= 12)
#define PT_TILES __attribute__((target("amx-tile,amx-bf16,amx-int8")))

namespace {

// Eight tiles of 16 rows: 0–3 are C, 4 and 5 the rows' halves of A, 6 and 7 the columns' of B.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16];
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
const TileConfig tiles_32_by_32{.row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}};
const TileConfig tiles_32_by_24{.row_bytes = {64, 32, 64, 32, 64, 64, 64, 32}};

// The unit's state is large, so that Linux gives it only to processes that ask (arch_prctl, ARCH_REQ_XCOMP_PERM of XTILEDATA).
bool has_tiles() {
  unsigned eax, ebx, ecx, edx;
  constexpr unsigned all = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & all) == all && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}

}  // namespace

// Whether there is a matrix unit, and this process may use it.
PT_EXPORT int32_t pt_has_tiles() {
  static const bool has = has_tiles();
  return has;
}

// C = A·B or C += A·B for 32 rows and `panels` times 32 columns, of bfloat16 into float32. A and B are made of tiles, 16 rows of 64 bytes: A has two a
// step (its upper and its lower 16 rows), each panel of B likewise (its left and its right 16 columns; each row holds two elements along A's axis for
// every column). C is a matrix with rows `c_row` bytes apart.
PT_EXPORT PT_TILES void pt_tile_product(const char* a, const char* b, char* c, int64_t steps, int64_t panels, int64_t b_panel, int64_t c_row, int32_t add) {
  _tile_loadconfig(&tiles_32_by_32);
  for (int64_t p = 0; p < panels; p++, b += b_panel, c += 128) {
    if (add) {
      _tile_loadd(0, c, c_row);
      _tile_loadd(1, c + 64, c_row);
      _tile_loadd(2, c + 16 * c_row, c_row);
      _tile_loadd(3, c + 16 * c_row + 64, c_row);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    const char *x = a, *y = b;
    for (int64_t s = 0; s < steps; s++, x += 2048, y += 2048) {
      _tile_loadd(4, x, 64);
      _tile_loadd(6, y, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, y + 1024, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, x + 1024, 64);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, c_row);
    _tile_stored(1, c + 64, c_row);
    _tile_stored(2, c + 16 * c_row, c_row);
    _tile_stored(3, c + 16 * c_row + 64, c_row);
  }
  _tile_release();
}

// C = A·B for `blocks` times 32 rows and 24 columns, of unsigned bytes by signed ones into int32. A has rows `a_row` bytes apart, 64 of them a step; B has
// 96 bytes for every four places along A's rows, four for each column; C is 24 wide.
PT_EXPORT PT_TILES void pt_tile_bytes(const char* a, int64_t a_row, const char* b, char* c, int64_t steps, int64_t blocks) {
  _tile_loadconfig(&tiles_32_by_24);
  for (int64_t block = 0; block < blocks; block++, a += 32 * a_row, c += 32 * 96) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const char *x = a, *y = b;
    for (int64_t s = 0; s < steps; s++, x += 64, y += 16 * 96) {
      _tile_loadd(4, x, a_row);
      _tile_loadd(6, y, 96);
      _tile_dpbusd(0, 4, 6);
      _tile_loadd(7, y + 64, 96);
      _tile_dpbusd(1, 4, 7);
      _tile_loadd(5, x + 16 * a_row, a_row);
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    }
    _tile_stored(0, c, 96);
    _tile_stored(1, c + 64, 96);
    _tile_stored(2, c + 16 * 96, 96);
    _tile_stored(3, c + 16 * 96 + 64, 96);
  }
  _tile_release();
}
#else
PT_EXPORT int32_t pt_has_tiles() { return 0; }
#endif

// ---- products of bytes in registers of 512 bits (AVX-512 VNNI: Intel SDM, volume 2, VPDPBUSD) ---------------------------

#if defined(__x86_64__) && defined(__linux__) && (__GNUC__ >= 9 || __clang_major__ >= 12)
#define PT_DOTS __attribute__((target("avx512f,avx512vnni")))

namespace {

// Keeps the compiler from making copies of a register in the loop before its parts are used.
PT_DOTS inline __m512i as_it_is(__m512i value) {
  asm("" : "+v"(value));
  return value;
}

// C = A·B for some rows and two panels of 24 columns, which lie `b_panel` and `c_panel` apart: 16 columns of each in a register of its own, and the other
// eight of both in a third. The rows are constants, so that all sums stay in registers.
template <size_t... row>
PT_DOTS void dot_bytes(const char* a, int64_t a_row, const char* b, int64_t b_panel, int32_t* c, int64_t c_panel, int64_t steps, std::index_sequence<row...>) {
  __m512i first[sizeof...(row)], second[sizeof...(row)], rest[sizeof...(row)];
  ((first[row] = second[row] = rest[row] = _mm512_setzero_si512()), ...);
  for (int64_t s = 0; s < steps; s++, a += 4, b += 96) {
    const __m512i w0 = _mm512_loadu_si512(b), w1 = _mm512_loadu_si512(b + b_panel);
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 64)), high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + b_panel + 64));
    const __m512i w2 = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    int32_t four;
    __m512i x;
    ((std::memcpy(&four, a + static_cast<int64_t>(row) * a_row, 4), x = _mm512_set1_epi32(four), first[row] = _mm512_dpbusd_epi32(first[row], x, w0),
      second[row] = _mm512_dpbusd_epi32(second[row], x, w1), rest[row] = _mm512_dpbusd_epi32(rest[row], x, w2)),
     ...);
  }
  ((_mm512_storeu_si512(c + 24 * row, first[row]), rest[row] = as_it_is(rest[row]), _mm512_mask_storeu_epi32(c + 24 * row + 16, 0x00FF, rest[row])), ...);
  if (c_panel == 0) return;
  c += c_panel;
  ((_mm512_storeu_si512(c + 24 * row, second[row]), _mm512_mask_storeu_epi32(c + 24 * row + 8, 0xFF00, rest[row])), ...);
}

template <size_t rows>
PT_DOTS void dot_bytes_of(const char* a, int64_t a_row, const char* b, int64_t b_panel, int32_t* c, int64_t c_panel, int64_t steps) {
  dot_bytes(a, a_row, b, b_panel, c, c_panel, steps, std::make_index_sequence<rows>());
}

constexpr decltype(&dot_bytes_of<1>) dot_bytes_of_rows[] = {nullptr,         dot_bytes_of<1>, dot_bytes_of<2>, dot_bytes_of<3>, dot_bytes_of<4>,
                                                            dot_bytes_of<5>, dot_bytes_of<6>, dot_bytes_of<7>, dot_bytes_of<8>};

}  // namespace

PT_EXPORT int32_t pt_has_wide_dots() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"); }

// C = A·B for `rows` and one or two panels of 24 columns, of unsigned bytes by signed ones into int32. A has rows `a_row` bytes apart, four bytes of them a
// step; a panel of B has 96 bytes a step, four for each column; C is 24 wide, one panel after the other.
PT_EXPORT void pt_dot_bytes(const char* a, int64_t a_row, const char* b, int64_t b_panel, int32_t* c, int64_t steps, int64_t rows, int64_t panels) {
  const int64_t c_panel = panels == 2 ? 24 * rows : 0;
  if (panels != 2) b_panel = 0;
  for (int64_t r = 0; r < rows; r += 8) dot_bytes_of_rows[std::min<int64_t>(8, rows - r)](a + r * a_row, a_row, b, b_panel, c + 24 * r, c_panel, steps);
}
#else
PT_EXPORT int32_t pt_has_wide_dots() { return 0; }
#endif

// ---- profiling ----------------------------------------------------------------------------------------------------

namespace {

struct OperatorTime {
  int64_t numbers[3] = {0, 0, 0};  // calls, nanoseconds, nanoseconds without those of the operators called from within
};

struct OperatorRun : at::ObserverContext {
  OperatorRun* outer;
  int64_t start;
  int64_t inner = 0;
};

thread_local OperatorRun* innermost_run = nullptr;
std::mutex profile_mutex;
std::map<std::string, OperatorTime> profile;
at::CallbackHandle profile_handle = 0;  // 0 while nothing is observed

int64_t nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::unique_ptr<at::ObserverContext> operator_starts(const at::RecordFunction&) {
  auto run = std::make_unique<OperatorRun>();
  run->outer = innermost_run;
  innermost_run = run.get();
  run->start = nanoseconds();
  return run;
}

void operator_ends(const at::RecordFunction& function, at::ObserverContext* context) {
  auto* run = static_cast<OperatorRun*>(context);
  const int64_t took = nanoseconds() - run->start;
  innermost_run = run->outer;
  if (run->outer != nullptr) run->outer->inner += took;
  const std::lock_guard<std::mutex> lock(profile_mutex);
  auto& time = profile[function.name()];
  time.numbers[0]++;
  time.numbers[1] += took;
  time.numbers[2] += took - run->inner;
}

}  // namespace

// Observes every operator and every node of a backward pass, on all threads.
PT_EXPORT int32_t pt_profile_start() {
  return guarded(-1, [&] {
    TORCH_CHECK(profile_handle == 0, "operators are being profiled already");
    profile.clear();
    profile_handle = at::addGlobalCallback(at::RecordFunctionCallback(operator_starts, operator_ends)
                                               .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    return 0;
  });
}

// The number of different operators that were called.
PT_EXPORT int32_t pt_profile_stop() {
  if (profile_handle != 0) at::removeCallback(std::exchange(profile_handle, 0));
  const std::lock_guard<std::mutex> lock(profile_mutex);
  return static_cast<int32_t>(profile.size());
}

// Name, calls and times of an operator; the name is valid until the next start.
PT_EXPORT const char* pt_profile_read(int32_t index, int64_t* numbers) {
  auto entry = std::next(profile.begin(), index);
  std::memcpy(numbers, entry->second.numbers, sizeof entry->second.numbers);
  return entry->first.c_str();
}

// ---- files --------------------------------------------------------------------------------------------------------

// The archive format of torch::save, which Python's torch.jit.load and torch.load read.
PT_EXPORT int32_t pt_save(TensorImpl* t, const char* path) { return guarded(-1, [&] { torch::save(borrow(t), path); return 0; }); }
PT_EXPORT TensorImpl* pt_load(const char* path) {
  return guarded(static_cast<TensorImpl*>(nullptr), [&] {
    Tensor t;
    torch::load(t, path);
    return give(std::move(t));
  });
}
