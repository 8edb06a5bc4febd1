// As much of pybind11's interface as megatron/core/datasets/helpers.cpp is
// compiled with, over plain vectors: it lets blend.cpp call the file as it is
// without Python. Nothing here is pybind11's code.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iostream>
#include <memory>
#include <vector>

namespace pybind11 {
struct capsule {
  template <class... A> capsule(A &&...) {}
};
template <class T> struct view {
  T *p;
  int64_t n = 0;
  int64_t shape(int) const { return n; }
  T &operator()(int64_t i) const { return p[i]; }
  T &operator[](int64_t i) const { return p[i]; }
  T &operator()(int64_t i, int64_t j) const { return p[2 * i + j]; }
};
template <class T> struct array_t {
  std::shared_ptr<std::vector<T>> v = std::make_shared<std::vector<T>>();
  array_t() {}
  explicit array_t(std::vector<T> x) : v(std::make_shared<std::vector<T>>(std::move(x))) {}
  array_t(std::vector<int64_t>, std::vector<int64_t>, T *, capsule) {}
  template <int N> view<T> mutable_unchecked() { return {v->data(), (int64_t)v->size()}; }
  template <int N> view<const T> unchecked() const { return {v->data(), (int64_t)v->size()}; }
  int64_t shape(int) const { return (int64_t)v->size(); }
  uint64_t size() const { return v->size(); }
};
struct array {
  template <class T> array(std::vector<int64_t>, std::vector<int64_t>, T *, capsule) {}
};
struct module_ {
  template <class... A> module_ &def(A &&...) { return *this; }
};
using module = module_;
} // namespace pybind11
#define PYBIND11_MODULE(name, m) static inline void unused_module_(pybind11::module_ &m)
