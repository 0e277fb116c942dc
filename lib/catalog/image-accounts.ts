import { InputError } from '../core/errors';

/** Accounts that publish an image, by region: the image is in the regions of the table and in no other. */
export interface ImageAccounts {
  readonly [region: string]: string;
}

/**
 * Accounts of AWS's Deep Learning Containers by partition; not every image is in every partition. The isolated regions are left out, as
 * their domain names are not those of the other partitions. Source: image configuration of the SageMaker Python SDK of 2026-08-21,
 * https://github.com/aws/sagemaker-python-sdk/tree/master/sagemaker-core/src/sagemaker/core/image_uri_config
 */
export const DEEP_LEARNING_CONTAINERS = {
  commercial: {
    'af-south-1': '626614931356',
    'ap-east-1': '871362719292',
    'ap-east-2': '975050140332',
    'ap-northeast-1': '763104351884',
    'ap-northeast-2': '763104351884',
    'ap-northeast-3': '364406365360',
    'ap-south-1': '763104351884',
    'ap-south-2': '772153158452',
    'ap-southeast-1': '763104351884',
    'ap-southeast-2': '763104351884',
    'ap-southeast-3': '907027046896',
    'ap-southeast-4': '457447274322',
    'ap-southeast-5': '550225433462',
    'ap-southeast-6': '633930458069',
    'ap-southeast-7': '590183813437',
    'ca-central-1': '763104351884',
    'ca-west-1': '204538143572',
    'eu-central-1': '763104351884',
    'eu-central-2': '380420809688',
    'eu-north-1': '763104351884',
    'eu-south-1': '692866216735',
    'eu-south-2': '503227376785',
    'eu-west-1': '763104351884',
    'eu-west-2': '763104351884',
    'eu-west-3': '763104351884',
    'il-central-1': '780543022126',
    'me-central-1': '914824155844',
    'me-south-1': '217643126080',
    'mx-central-1': '637423239942',
    'sa-east-1': '763104351884',
    'us-east-1': '763104351884',
    'us-east-2': '763104351884',
    'us-west-1': '763104351884',
    'us-west-2': '763104351884',
  },
  china: { 'cn-north-1': '727897471807', 'cn-northwest-1': '727897471807' },
  govCloud: { 'us-gov-east-1': '446045086412', 'us-gov-west-1': '442386744353' },
} as const satisfies { readonly [partition: string]: ImageAccounts };

/**
 * AWS's scikit-learn image with script mode, for training on every instance type. Source: `sklearn.json`, version 1.4-2-py312, of the
 * SageMaker Python SDK of 2026-08-21,
 * https://github.com/aws/sagemaker-python-sdk/blob/master/sagemaker-core/src/sagemaker/core/image_uri_config/sklearn.json
 */
export const SKLEARN_IMAGE: { readonly repository: string; readonly tag: string; readonly accounts: ImageAccounts } = {
  repository: 'sagemaker-scikit-learn',
  tag: '1.4-2-py312',
  accounts: {
    'af-south-1': '510948584623',
    'ap-east-1': '651117190479',
    'ap-northeast-1': '354813040037',
    'ap-northeast-2': '366743142698',
    'ap-northeast-3': '867004704886',
    'ap-south-1': '720646828776',
    'ap-south-2': '628508329040',
    'ap-southeast-1': '121021644041',
    'ap-southeast-2': '783357654285',
    'ap-southeast-3': '951798379941',
    'ap-southeast-4': '106583098589',
    'ca-central-1': '341280168497',
    'ca-west-1': '190319476487',
    'cn-north-1': '450853457545',
    'cn-northwest-1': '451049120500',
    'eu-central-1': '492215442770',
    'eu-central-2': '680994064768',
    'eu-north-1': '662702820516',
    'eu-south-1': '978288397137',
    'eu-south-2': '104374241257',
    'eu-west-1': '141502667606',
    'eu-west-2': '764974769150',
    'eu-west-3': '659782779980',
    'il-central-1': '898809789911',
    'me-central-1': '272398656194',
    'me-south-1': '801668240914',
    'sa-east-1': '737474898029',
    'us-east-1': '683313688378',
    'us-east-2': '257758044811',
    'us-gov-east-1': '237065988967',
    'us-gov-west-1': '414596584902',
    'us-west-1': '746614075791',
    'us-west-2': '246618743249',
  },
};

/**
 * Returns the account that publishes an image in a region; throws an {@link InputError} with the regions that AWS lists for the image when
 * the region is not one of them. `remedy` is the way out at the caller.
 */
export function accountOfImage(image: string, accounts: ImageAccounts, region: string, remedy: string): string {
  const account = accounts[region];
  if (account !== undefined) return account;
  throw new InputError(
    `AWS lists no image ${image} for region '${region}' (listed: ${Object.keys(accounts).sort().join(', ')}); ${remedy}`,
  );
}
