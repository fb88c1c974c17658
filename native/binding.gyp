{
  'variables': {
    'igc_flags': ['-std=c++17', '-O3', '-fPIC', '-fno-math-errno', '-fno-trapping-math', '-fvisibility=hidden', '-Wall', '-Wno-unused-function'],
  },
  'target_defaults': {
    'cflags!': ['-O2', '-fno-omit-frame-pointer'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['<@(igc_flags)'],
    'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<@(igc_flags)'], 'CLANG_CXX_LANGUAGE_STANDARD': 'c++17'},
  },
  'targets': [
    {
      'target_name': 'kernels_baseline',
      'type': 'static_library',
      'sources': ['kernels.cc'],
      'defines': ['IGC_ISA=baseline', 'IGC_TABLE=kernelsBaseline', 'IGC_NAME="baseline"', 'LANES=4'],
    },
    {
      'target_name': 'igcnet',
      'sources': ['addon.cc', 'crop.cc', 'instance.cc', 'pool.cc'],
      'dependencies': ['kernels_baseline'],
      # the same crops from every instruction set
      'cflags_cc': ['-ffp-contract=off'],
      'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off']},
      'libraries': ['-pthread'],
      'conditions': [
        ['target_arch=="x64"', {'dependencies': ['kernels_avx2', 'kernels_avx512', 'kernels_avx512_bfloat16']}],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'kernels_avx2',
          'type': 'static_library',
          'sources': ['kernels.cc'],
          'defines': ['IGC_ISA=avx2', 'IGC_TABLE=kernelsAvx2', 'IGC_NAME="avx2"', 'LANES=8'],
          'cflags_cc': ['-mavx2', '-mfma'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma']},
        },
        {
          'target_name': 'kernels_avx512',
          'type': 'static_library',
          'sources': ['kernels.cc'],
          'defines': ['IGC_ISA=avx512', 'IGC_TABLE=kernelsAvx512', 'IGC_NAME="avx512"', 'LANES=16'],
          'cflags_cc': ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma', '-mprefer-vector-width=512'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma']},
        },
        {
          'target_name': 'kernels_avx512_bfloat16',
          'type': 'static_library',
          'sources': ['kernels.cc'],
          'defines': ['IGC_ISA=avx512_bfloat16', 'IGC_TABLE=kernelsAvx512Bfloat16', 'IGC_NAME="avx512-bfloat16"', 'LANES=16', 'IGC_BFLOAT16'],
          'cflags_cc': ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma', '-mprefer-vector-width=512'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma']},
        },
      ],
    }],
  ],
}
