/**
 * What can be got: for each data set its files at their official addresses, with the sizes and MD5 sums that public
 * loaders publish, and what an archive holds.
 * @source torchvision (MD5 of the archives and files), tensorflow/datasets and others (bytes)
 */

/** One file to download. */
export interface Download {
  readonly file: string;
  readonly sizeBytes: number;
  readonly md5: string;
  /** For a .tar.gz: what must be in it, in a folder of the set's name; nothing else may. */
  readonly members?: readonly ArchiveMember[];
}

/** A file of an archive. */
export interface ArchiveMember {
  readonly name: string;
  /** Its exact size, or for texts the most that they may have. */
  readonly sizeBytes: number;
  readonly isText?: boolean;
  /** No reader needs it. */
  readonly isOptional?: boolean;
}

/** A data set's downloads. */
export interface DatasetDownloads {
  readonly name: string;
  /** Address of the folder that the files are in. */
  readonly address: string;
  /** Folder that the files are put in, below the output folder. */
  readonly folder: string;
  readonly files: readonly Download[];
  /** Files that only `--extra` gets. */
  readonly extra?: readonly Download[];
}

const bin = (name: string, sizeBytes: number): ArchiveMember => ({ name, sizeBytes });
const text = (name: string): ArchiveMember => ({ name, sizeBytes: 65_536, isText: true });
const optionalText = (name: string): ArchiveMember => ({ ...text(name), isOptional: true });

/** Everything that `getDataset` knows. */
export const downloads: readonly DatasetDownloads[] = [
  {
    name: 'cifar10',
    address: 'https://www.cs.toronto.edu/~kriz/',
    folder: 'cifar-10-batches-bin',
    files: [
      {
        file: 'cifar-10-binary.tar.gz',
        sizeBytes: 170_052_171,
        md5: 'c32a1d4ab5d03f1284b67883e8d87530',
        members: [
          ...[1, 2, 3, 4, 5].map((i) => bin(`data_batch_${i}.bin`, 30_730_000)),
          bin('test_batch.bin', 30_730_000),
          optionalText('batches.meta.txt'),
          optionalText('readme.html'),
        ],
      },
    ],
  },
  {
    name: 'cifar100',
    address: 'https://www.cs.toronto.edu/~kriz/',
    folder: 'cifar-100-binary',
    files: [
      {
        file: 'cifar-100-binary.tar.gz',
        sizeBytes: 168_513_733,
        md5: '03b5dce01913d631647c71ecec9e9cb8',
        members: [
          bin('train.bin', 153_700_000),
          bin('test.bin', 30_740_000),
          text('fine_label_names.txt'),
          optionalText('coarse_label_names.txt'),
        ],
      },
    ],
  },
  {
    name: 'svhn',
    address: 'http://ufldl.stanford.edu/housenumbers/', // this host serves no https
    folder: 'svhn',
    files: [
      {
        file: 'train_32x32.mat',
        sizeBytes: 182_040_794,
        md5: 'e26dedcc434d2e4c54c9b2d4a06d8373',
      },
      { file: 'test_32x32.mat', sizeBytes: 64_275_384, md5: 'eb5a983be6a315427106f1b164d9cef3' },
    ],
    extra: [
      {
        file: 'extra_32x32.mat',
        sizeBytes: 1_329_278_602,
        md5: 'a93ce644f1a588dc4d68dda5feec44a7',
      },
    ],
  },
  {
    name: 'fashion-mnist',
    address: 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/', // a website bucket: no https
    folder: 'fashion-mnist',
    files: [
      {
        file: 'train-images-idx3-ubyte.gz',
        sizeBytes: 26_421_880,
        md5: '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      },
      {
        file: 'train-labels-idx1-ubyte.gz',
        sizeBytes: 29_515,
        md5: '25c81989df183df01b3e8a0aad5dffbe',
      },
      {
        file: 't10k-images-idx3-ubyte.gz',
        sizeBytes: 4_422_102,
        md5: 'bef4ecab320f06d8554ea6380940ec79',
      },
      {
        file: 't10k-labels-idx1-ubyte.gz',
        sizeBytes: 5148,
        md5: 'bb300cfdad3c16e7a12a480ee83cd310',
      },
    ],
  },
];

/** Whether a file of `size` bytes can be the member. */
export function fitsMember({ sizeBytes, isText }: ArchiveMember, size: number): boolean {
  return isText ? size <= sizeBytes : size === sizeBytes;
}
