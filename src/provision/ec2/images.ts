// Images of EC2. Those to choose from are our own with a tag `role`; by its id any image can be taken, whoever owns it.

import { type Image as Ami, DescribeImagesCommand, paginateDescribeImages } from '@aws-sdk/client-ec2';
import type { Image, Images } from '../driver.ts';
import { type Cloud, stated } from './cloud.ts';
import { codeOf } from './errors.ts';
import { tagOf } from './tags.ts';

const pageSize = 500;
const notThere = new Set(['InvalidAMIID.NotFound', 'InvalidAMIID.Malformed', 'InvalidAMIID.Unavailable']);

export class Ec2Images implements Images {
  readonly #cloud: Cloud;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  list(signal: AbortSignal): Promise<readonly Image[]> {
    const asked = { Owners: ['self'], Filters: [{ Name: 'tag-key', Values: ['role'] }] };
    return this.#cloud.ask('DescribeImages', signal, async (client, options) => {
      const found: Image[] = [];
      for await (const { Images } of paginateDescribeImages({ client, pageSize }, asked, options))
        found.push(...stated(Images).flatMap(imageOf));
      return found;
    });
  }

  async get(id: string, signal: AbortSignal): Promise<Image | null> {
    try {
      const { Images } = await this.#cloud.ask('DescribeImages', signal, (client, options) =>
        client.send(new DescribeImagesCommand({ ImageIds: [id] }), options),
      );
      return stated(Images).flatMap(imageOf)[0] ?? null;
    } catch (error) {
      if (notThere.has(codeOf(error) ?? '')) return null;
      throw error;
    }
  }
}

function imageOf({ ImageId, Name, State, CreationDate, Tags }: Ami): Image[] {
  if (ImageId === undefined) return [];
  const state: string = State ?? 'unknown';
  // Only who says so takes an image out of the choice; and one that is not whole yet cannot be taken.
  const isActive = tagOf(Tags, 'active')?.toLowerCase() !== 'false' && state === 'available';
  const name = Name ?? tagOf(Tags, 'Name');
  return [{ id: ImageId, role: tagOf(Tags, 'role'), name, isActive, state, createdAt: CreationDate ?? '' }];
}
