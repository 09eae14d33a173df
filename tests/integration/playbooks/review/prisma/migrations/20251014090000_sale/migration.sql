-- CreateIndex
CREATE INDEX "Sale_tenantId_createdAt_idx" ON "Sale"("tenantId", "createdAt" DESC);

-- AlterTable
ALTER TABLE "Sale" ALTER COLUMN "petId" DROP NOT NULL;

-- DropIndex
DROP INDEX "Sale_status_idx";
