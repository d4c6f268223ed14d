import type { Storage } from '../../domain/store.ts';
export async function openMongodb(_uri: string): Promise<Storage> {
  throw new Error('MongoDB is not supported yet.');
}
