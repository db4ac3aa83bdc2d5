// A stand-in for the part of metal-cpp's Metal that exported code may use. Only for tests.
//
// Each method names its Objective-C selector, which the tests compare with the data about Apple's SDK; enumerations are generated
// from that data. The methods are those of a device that launches nothing: see device.cpp.
#pragma once

#include <Foundation/Foundation.hpp>

#include "constants.hpp"

namespace MTL {

using PipelineOption = NS::UInteger;
enum : PipelineOption { PipelineOptionNone = 0 };
using ResourceOptions = NS::UInteger;
enum : ResourceOptions { ResourceStorageModeShared = 0 };
using TextureUsage = NS::UInteger;
enum : TextureUsage { TextureUsageShaderRead = 1, TextureUsageShaderWrite = 2 };

struct Origin {
    Origin() = default;
    Origin(NS::UInteger x, NS::UInteger y, NS::UInteger z) : x(x), y(y), z(z) {}
    NS::UInteger x, y, z;
};

struct Size {
    Size() = default;
    Size(NS::UInteger width, NS::UInteger height, NS::UInteger depth) : width(width), height(height), depth(depth) {}
    NS::UInteger width, height, depth;
};

struct Region {
    Region() = default;
    Region(NS::UInteger x, NS::UInteger y, NS::UInteger z, NS::UInteger width, NS::UInteger height, NS::UInteger depth)
        : origin(x, y, z), size(width, height, depth) {}
    Origin origin;
    Size size;
};

class Buffer : public NS::Referencing<Buffer> {
public:
    void* contents();               // -contents
    NS::UInteger length() const;    // -length
};

class Texture : public NS::Referencing<Texture> {
public:
    NS::UInteger width() const;              // -width
    NS::UInteger height() const;             // -height
    NS::UInteger depth() const;              // -depth
    NS::UInteger arrayLength() const;        // -arrayLength
    MTL::TextureType textureType() const;    // -textureType
    void replaceRegion(MTL::Region region, NS::UInteger level, NS::UInteger slice, const void* pixelBytes, NS::UInteger bytesPerRow, NS::UInteger bytesPerImage);  // -replaceRegion:mipmapLevel:slice:withBytes:bytesPerRow:bytesPerImage:
    void getBytes(const void* pixelBytes, NS::UInteger bytesPerRow, NS::UInteger bytesPerImage, MTL::Region region, NS::UInteger level, NS::UInteger slice);  // -getBytes:bytesPerRow:bytesPerImage:fromRegion:mipmapLevel:slice:
};

class TextureDescriptor : public NS::Copying<TextureDescriptor> {
public:
    static TextureDescriptor* alloc();
    TextureDescriptor* init();
    void setTextureType(MTL::TextureType textureType);       // -setTextureType:
    void setPixelFormat(MTL::PixelFormat pixelFormat);       // -setPixelFormat:
    void setWidth(NS::UInteger width);                       // -setWidth:
    void setHeight(NS::UInteger height);                     // -setHeight:
    void setDepth(NS::UInteger depth);                       // -setDepth:
    void setArrayLength(NS::UInteger arrayLength);           // -setArrayLength:
    void setUsage(MTL::TextureUsage usage);                  // -setUsage:
    void setStorageMode(MTL::StorageMode storageMode);       // -setStorageMode:
};

class CompileOptions : public NS::Copying<CompileOptions> {
public:
    static CompileOptions* alloc();
    CompileOptions* init();
    void setLanguageVersion(MTL::LanguageVersion languageVersion);                                     // -setLanguageVersion:
    void setMathMode(MTL::MathMode mathMode);                                                          // -setMathMode:
    void setMathFloatingPointFunctions(MTL::MathFloatingPointFunctions mathFloatingPointFunctions);    // -setMathFloatingPointFunctions:
    void setFastMathEnabled(bool fastMathEnabled);                                                     // -setFastMathEnabled:
};

class FunctionConstantValues : public NS::Copying<FunctionConstantValues> {
public:
    static FunctionConstantValues* alloc();
    FunctionConstantValues* init();
    void setConstantValue(const void* value, MTL::DataType type, NS::UInteger index);    // -setConstantValue:type:atIndex:
};

class Function : public NS::Referencing<Function> {};

class Library : public NS::Referencing<Library> {
public:
    MTL::Function* newFunction(const NS::String* functionName);    // -newFunctionWithName:
    MTL::Function* newFunction(const NS::String* name, const MTL::FunctionConstantValues* constantValues, NS::Error** error);  // -newFunctionWithName:constantValues:error:
};

class ComputePipelineDescriptor : public NS::Copying<ComputePipelineDescriptor> {
public:
    static ComputePipelineDescriptor* alloc();
    ComputePipelineDescriptor* init();
    void setComputeFunction(const MTL::Function* computeFunction);                       // -setComputeFunction:
    void setMaxTotalThreadsPerThreadgroup(NS::UInteger maxTotalThreadsPerThreadgroup);   // -setMaxTotalThreadsPerThreadgroup:
};

class ComputePipelineReflection : public NS::Referencing<ComputePipelineReflection> {};

class ComputePipelineState : public NS::Referencing<ComputePipelineState> {
public:
    NS::UInteger maxTotalThreadsPerThreadgroup() const;    // -maxTotalThreadsPerThreadgroup
};

class CommandEncoder : public NS::Referencing<CommandEncoder> {
public:
    void endEncoding();    // -endEncoding
};

class ComputeCommandEncoder : public NS::Referencing<ComputeCommandEncoder, CommandEncoder> {
public:
    void setComputePipelineState(const MTL::ComputePipelineState* state);                   // -setComputePipelineState:
    void setBytes(const void* bytes, NS::UInteger length, NS::UInteger index);              // -setBytes:length:atIndex:
    void setBuffer(const MTL::Buffer* buffer, NS::UInteger offset, NS::UInteger index);     // -setBuffer:offset:atIndex:
    void setTexture(const MTL::Texture* texture, NS::UInteger index);                       // -setTexture:atIndex:
    void dispatchThreads(MTL::Size threadsPerGrid, MTL::Size threadsPerThreadgroup);        // -dispatchThreads:threadsPerThreadgroup:
};

class CommandBuffer : public NS::Referencing<CommandBuffer> {
public:
    MTL::ComputeCommandEncoder* computeCommandEncoder();    // -computeCommandEncoder
    void commit();                                          // -commit
    void waitUntilCompleted();                              // -waitUntilCompleted
    NS::Error* error() const;                               // -error
};

class CommandQueue : public NS::Referencing<CommandQueue> {
public:
    MTL::CommandBuffer* commandBuffer();    // -commandBuffer
};

class Device : public NS::Referencing<Device> {
public:
    bool supportsFamily(MTL::GPUFamily gpuFamily);    // -supportsFamily:
    MTL::Library* newLibrary(const NS::String* source, const MTL::CompileOptions* options, NS::Error** error);  // -newLibraryWithSource:options:error:
    MTL::ComputePipelineState* newComputePipelineState(const MTL::ComputePipelineDescriptor* descriptor, MTL::PipelineOption options, MTL::ComputePipelineReflection** reflection, NS::Error** error);  // -newComputePipelineStateWithDescriptor:options:reflection:error:
    MTL::CommandQueue* newCommandQueue();    // -newCommandQueue
    MTL::Buffer* newBuffer(const void* pointer, NS::UInteger length, MTL::ResourceOptions options);  // -newBufferWithBytes:length:options:
    MTL::Texture* newTexture(const MTL::TextureDescriptor* descriptor);    // -newTextureWithDescriptor:
};

Device* CreateSystemDefaultDevice();

}  // namespace MTL

#ifdef MTL_PRIVATE_IMPLEMENTATION
#include "device.cpp"
#endif
