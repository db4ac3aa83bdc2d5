// Mode B, types: C++ for OpenCL. Address spaces are real, value types are as lax as mode A is strict.
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define device __global
#define threadgroup __local
#define thread __private
#define MSL_METHOD __private
#define MSL_CONSTANT_METHOD __constant
#define MSL_IF(...)
#define MSL_CHECK(...)
#define MSL_BODY(...) ;
#define MSL_INLINE
#define MSL_FC {}
// OpenCL's words that are ordinary names in Metal.
#define global msl_global
#define local msl_local
#define generic msl_generic
#define pipe msl_pipe
#define read_only msl_read_only
#define write_only msl_write_only
#define read_write msl_read_write
#define event_t msl_event_t
#define queue_t msl_queue_t
#define sampler_t msl_sampler_t
#define image1d_t msl_image1d_t
#define image2d_t msl_image2d_t
#define image3d_t msl_image3d_t
#define memory_scope msl_memory_scope
#define atomic_int msl_atomic_int
#define atomic_uint msl_atomic_uint
#define atomic_long msl_atomic_long
#define atomic_ulong msl_atomic_ulong
#define atomic_float msl_atomic_float
#define memory_order msl_memory_order

typedef float bfloat;
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

constexpr half operator""h(long double v) { return (half)v; }
constexpr half operator""h(unsigned long long v) { return (half)v; }
constexpr bfloat operator""_b(long double v) { return (bfloat)v; }

namespace metal {
template <class T, int N> struct vec_of;
template <class T, int N> using vec = typename vec_of<T, N>::type;
template <class T, int N> using packed_vec = typename vec_of<T, N>::type;
}
namespace msl {
template <class R, class... A> R make(A...) { return R(); }
}
template <class T, class U> T as_type(U) { return T(); }
